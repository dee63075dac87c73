"""The whole life of one tenant, in one go: after every step what it was told is there, and the step is visible."""

from __future__ import annotations

import json
import subprocess

import pytest

from e2e.kubectl import Kubectl
from e2e.stack import Stack
from e2e.tenants import NAMESPACE, key_of, reachable, tenant, until
from memorybank import AuthenticationError

NAME = "lived"
FACTS = [
    "Ada takes the night train to Vienna",
    "Bob collects stamps of Peru",
    "Cem plays the oboe on Sundays",
    "Dora's sister is allergic to peanuts",
]
PATIENCE = 180


class Life:
    """A tenant that is changed step by step, and what it has to remember."""

    def __init__(self, stack: Stack, kubectl: Kubectl) -> None:
        self.stack, self.kubectl = stack, kubectl
        self.key = ""
        self.known: dict[str, str] = {}

    def apply(self, **spec: object) -> None:
        """Apply it, and wait until it is what was applied."""
        self.kubectl.apply(tenant(NAME, **spec))
        generation = self.state()["metadata"]["generation"]
        observed = f"jsonpath={{.status.observedGeneration}}={generation}"
        self.kubectl.wait(f"memorybanktenant/{NAME}", observed, NAMESPACE, PATIENCE)
        self.kubectl.wait(f"memorybanktenant/{NAME}", "condition=Ready", NAMESPACE, PATIENCE)

    def state(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = self.kubectl.json("get", f"--namespace={NAMESPACE}", f"mbt/{NAME}")
        return found

    def pod(self) -> str:
        pods = self.kubectl.json("get", f"--namespace={NAMESPACE}", "pods", f"--selector=memorybank.dev/tenant={NAME}")
        (pod,) = pods["items"]
        return str(pod["metadata"]["uid"])

    def tell(self, fact: str) -> None:
        with reachable(self.stack.url(NAME), self.key) as bank:
            self.known[fact] = bank.store_memory(fact, {"user_id": "ada"})

    def remembers(self) -> bool:
        """Whether each fact is the first that is found for its own words."""
        with reachable(self.stack.url(NAME), self.key) as bank:
            found = {fact: bank.retrieve_memories(fact, 1, {"user_id": "ada"}) for fact in FACTS if fact in self.known}
            assert bank.get_memory_stats()["total_memories"] == len(self.known)
        return {fact: memories[0].memory_id for fact, memories in found.items()} == self.known


def another_name_for(stack: Stack, image: str) -> str:
    """The same image under another tag, as a new version is to the operator."""
    named = f"{image.rpartition(':')[0]}:another-{image.rpartition(':')[2]}"
    command = f"ctr --namespace k8s.io images tag --force {image} {named}\n"
    subprocess.run(stack.cluster.shell(), input=command, text=True, check=True, capture_output=True)
    return named


def test_a_tenant_keeps_its_memories_through_its_whole_life(stack: Stack, kubectl: Kubectl) -> None:
    life = Life(stack, kubectl)
    image = stack.images["service"]

    life.apply(image=image)
    life.key = key_of(kubectl, NAME)
    life.tell(FACTS[0])
    assert life.remembers()

    first_pod = life.pod()
    newer = another_name_for(stack, image)
    life.apply(image=newer)
    assert life.state()["status"]["image"] == newer
    assert life.pod() != first_pod
    assert life.remembers()
    life.tell(FACTS[1])

    pod, old_key = life.pod(), life.key
    kubectl("annotate", f"--namespace={NAMESPACE}", f"mbt/{NAME}", "memorybank.dev/rotate-key=default")

    def new_key() -> str | None:
        if not kubectl.exists(f"secret/{NAME}-api-key", NAMESPACE):
            return None  # between the old Secret and the new one
        found = key_of(kubectl, NAME)
        return found if found != old_key else None

    life.key = until("there is a new key", new_key)
    until("the new key opens", lambda: opens(stack, life.key), seconds=10)
    assert opens(stack, old_key)  # for a day
    assert life.pod() == pod
    assert life.remembers()
    life.tell(FACTS[2])

    life.apply(image=newer, storage={"size": "2Gi"})
    assert life.state()["status"]["storage"]["capacity"] == "2Gi"  # type: ignore[index]
    assert life.pod() == pod
    assert life.remembers()

    life.apply(image=newer, storage={"size": "2Gi"}, hibernate=True)
    kubectl("wait", f"--namespace={NAMESPACE}", "pod", f"--selector=memorybank.dev/tenant={NAME}", "--for=delete")
    assert life.state()["status"]["phase"] == "Hibernated"
    life.apply(image=newer, storage={"size": "2Gi"})
    assert life.remembers()
    life.tell(FACTS[3])

    kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{NAME}", "--wait")
    kubectl("wait", f"--namespace={NAMESPACE}", "pod", f"--selector=memorybank.dev/tenant={NAME}", "--for=delete")
    assert kubectl.exists(f"pvc/{NAME}", NAMESPACE)
    life.apply(image=newer, storage={"size": "1Gi"})
    assert life.state()["status"]["storage"]["capacity"] == "2Gi"  # type: ignore[index]
    assert key_of(kubectl, NAME) == life.key
    assert life.remembers()
    assert not opens(stack, old_key)  # the day in which it still opened was the former tenant's

    kubectl.apply(tenant(NAME, image=newer, storage={"size": "2Gi"}, deletionPolicy="Delete"))
    kubectl("delete", f"--namespace={NAMESPACE}", f"mbt/{NAME}", "--wait")
    for what in (f"pvc/{NAME}", f"secret/{NAME}-api-key", f"secret/{NAME}-access", f"deployment/{NAME}"):
        kubectl("wait", f"--namespace={NAMESPACE}", what, "--for=delete", "--timeout=60s")


def opens(stack: Stack, key: str) -> bool:
    with reachable(stack.url(NAME), key) as bank:
        try:
            bank.get_memory_stats()
        except AuthenticationError:
            return False
    return True


@pytest.mark.parametrize("namespace", [NAMESPACE, "memorybank-system"])
def test_both_namespaces_enforce_the_restricted_standard(stack: Stack, kubectl: Kubectl, namespace: str) -> None:
    labels = kubectl.json("get", f"namespace/{namespace}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"

    pods = kubectl.json("get", f"--namespace={namespace}", "pods")["items"]
    if namespace == "memorybank-system":
        assert pods
    # Those that run there are taken in once more, as they were rendered.
    for pod in pods:
        copy = {field: pod[field] for field in ("apiVersion", "kind", "spec")}
        copy["metadata"] = {"name": f"{pod['metadata']['name']}-again", "namespace": namespace}
        copy["spec"].pop("nodeName", None)
        kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(copy))
