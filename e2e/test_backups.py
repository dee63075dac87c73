"""A tenant is backed up while it is written to, deleted with its volume, and restored under another name.

And one that is deleted under Snapshot leaves a final backup, of which the next one is made.
"""

from __future__ import annotations

import threading

from e2e.kubectl import Kubectl
from e2e.multitude import multiply
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, key_of, reachable, tenant, until

NAME, AGAIN, THIRD = "backedup", "restored", "thirdlife"
PLACES = ["Bath", "Cork", "Graz", "Lyon", "Oslo", "Pisa", "Riga", "Turku"]
FACTS = [f"Person {number} moved to {PLACES[number % len(PLACES)]} in {1950 + number}." for number in range(200)]
DESTINATION = {"pvc": {"claimName": "backups"}}
QUESTIONS = ["who moved to Oslo?", "what happened in 1977?", "Person 42"]

CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "backups", "namespace": NAMESPACE},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
BACKUP = {
    "apiVersion": "memorybank.dev/v1alpha1",
    "kind": "MemoryBankBackup",
    "metadata": {"name": "before-the-loss", "namespace": NAMESPACE},
    "spec": {"tenantRef": {"name": NAME}},
}


def found(stack: Stack, name: str, key: str) -> list[list[tuple[str, str]]]:
    """The answers to a few questions: ids and words, in their order."""
    with reachable(stack.url(name), key) as bank:
        answers = [bank.retrieve_memories(question, 10, {"user_id": "ada"}) for question in QUESTIONS]
    return [[(one.memory_id, one.content) for one in answer] for answer in answers]


class Writer:
    """Goes on storing, for somebody else, until it is told to stop."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.stored: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, args=(stack, key))
        self._thread.start()

    def _write(self, stack: Stack, key: str) -> None:
        with reachable(stack.url(NAME), key) as bank:
            while not self._stop.is_set():
                self.stored.append(bank.store_memory(f"Said as number {len(self.stored)}.", {"user_id": "bob"}))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def test_what_was_acknowledged_before_a_backup_outlives_tenant_and_volume(stack: Stack, kubectl: Kubectl) -> None:
    kubectl.apply(CLAIM)
    plan = {"destination": DESTINATION, "verifySchedule": "* * * * *"}
    kubectl.apply(tenant(NAME, backup=plan, deletionPolicy="Delete"))
    kubectl.wait(f"memorybanktenant/{NAME}", "condition=Ready", NAMESPACE, 120)
    key = key_of(kubectl, NAME)
    with reachable(stack.url(NAME), key) as bank:
        ids = [bank.store_memory(fact, {"user_id": "ada"}) for fact in FACTS]
        many = len(ids) + multiply(bank, 100)
    assert many > 20_000
    before = found(stack, NAME, key)
    writer = Writer(stack, key)
    try:
        until("there is something else", lambda: len(writer.stored) >= 20)
        acknowledged = [*ids, *writer.stored]
        kubectl.apply(BACKUP)
        kubectl.wait("memorybankbackup/before-the-loss", "condition=Complete", NAMESPACE, 120)
    finally:
        writer.stop()
    backup = kubectl.json("get", f"--namespace={NAMESPACE}", "mbb/before-the-loss")["status"]
    assert many + 20 <= backup["memories"] <= many + len(writer.stored)
    verified = "jsonpath={.status.conditions[?(@.type=='Verified')].status}=True"
    kubectl.wait("memorybankbackup/before-the-loss", verified, NAMESPACE, 180)
    ready = kubectl.json("get", f"--namespace={NAMESPACE}", f"mbt/{NAME}")["status"]["conditions"]
    assert [one["status"] for one in ready if one["type"] == "BackupReady"] == ["True"]

    kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{NAME}", "--wait")
    kubectl("wait", f"--namespace={NAMESPACE}", f"pvc/{NAME}", "--for=delete", "--timeout=60s")

    kubectl.apply(tenant(AGAIN, restoreFrom={"backupName": "before-the-loss"}, deletionPolicy="Delete"))
    kubectl.wait(f"memorybanktenant/{AGAIN}", "condition=Ready", NAMESPACE, 120)
    restored = kubectl.json("get", f"--namespace={NAMESPACE}", f"mbt/{AGAIN}")["status"]["restored"]
    assert (restored["memories"], restored["location"]) == (backup["memories"], backup["location"])
    new_key = key_of(kubectl, AGAIN)
    with reachable(stack.url(AGAIN), new_key) as bank:
        assert bank.get_memory_stats()["total_memories"] == backup["memories"]
        for memory_id in acknowledged[:: len(acknowledged) // 40]:
            assert bank.get(memory_id).id == memory_id
    assert found(stack, AGAIN, new_key) == before

    last = kept_by_its_final_backup(kubectl)
    kubectl.apply(tenant(THIRD, restoreFrom={"backupName": last}, deletionPolicy="Delete"))
    kubectl.wait(f"memorybanktenant/{THIRD}", "condition=Ready", NAMESPACE, 120)
    assert found(stack, THIRD, key_of(kubectl, THIRD)) == before
    kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{THIRD}", "mbb/before-the-loss", f"mbb/{last}", "--wait")
    kubectl("delete", f"--namespace={NAMESPACE}", "pvc/backups", "--wait")


def kept_by_its_final_backup(kubectl: Kubectl) -> str:
    """The restored tenant is deleted under Snapshot; the name of what is left of it."""
    spec = {"restoreFrom": {"backupName": "before-the-loss"}, "backup": {"destination": DESTINATION}}
    kubectl.apply(tenant(AGAIN, **spec, deletionPolicy="Snapshot"))
    held = "jsonpath={.metadata.finalizers[0]}=memorybank.dev/final-backup"
    kubectl.wait(f"mbt/{AGAIN}", held, NAMESPACE)
    count = kubectl.json("get", f"--namespace={NAMESPACE}", f"mbt/{AGAIN}")["status"]["restored"]["memories"]
    # In the foreground: what it owns goes first, as Argo CD has it.
    kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{AGAIN}", "--cascade=foreground", "--wait", "--timeout=180s")
    kubectl("wait", f"--namespace={NAMESPACE}", f"pvc/{AGAIN}", "--for=delete", "--timeout=60s")
    found = kubectl.json("get", f"--namespace={NAMESPACE}", "mbb")["items"]
    (final,) = [one for one in found if one["metadata"]["name"].startswith(f"{AGAIN}-final-")]
    assert (final["status"]["phase"], final["status"]["memories"]) == ("Completed", count)
    return str(final["metadata"]["name"])
