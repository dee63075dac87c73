"""Backups as resources, on a real API server: the Job controller is real, and the test plays the pods' containers."""

import asyncio
import datetime
import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

from memorybank_operator.backups import attempts, backing_up
from memorybank_operator.kinds import BACKUP, DEPLOYMENT, EVENT, JOB, NETWORK_POLICY, TENANT, VOLUME_CLAIM, Kind

from .backups import ID, RESTORED, TAKEN, end, in_phase, pod_of
from .conftest import Start
from .kube import SECONDS, Answer, Kube, Manifest, condition_of

HERE = {"pvc": {"claimName": "backups"}}


async def ask(kube: Kube, namespace: str, name: str = "one", **spec: Any) -> None:
    await kube.create(BACKUP, namespace, name, spec={"tenantRef": {"name": "customer1"}, **spec})


async def serving(kube: Kube, namespace: str, **spec: Any) -> Manifest:
    await kube.observed(await kube.tenant(namespace, **spec))
    await kube.play_node(namespace)
    return await kube.condition(namespace, "Available", "True")


def variables(pod: Manifest) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in pod["spec"]["containers"][0]["env"]}


def figure(name: str, namespace: str) -> float | None:
    labels = {"tenant_namespace": namespace, "tenant": "customer1"}
    return REGISTRY.get_sample_value(f"memorybank_operator_{name}", labels)


class Clock:
    """The operator's, at half a minute past this time of a day."""

    def __init__(self, hour: int, minute: int) -> None:
        self.now = datetime.datetime(2027, 1, 15, hour, minute, 30, tzinfo=datetime.UTC)

    def __call__(self) -> datetime.datetime:
        return self.now


async def event(kube: Kube, namespace: str, reason: str) -> None:
    """Return when it was told."""
    async with asyncio.timeout(SECONDS):
        while reason not in [one["reason"] for one in await kube.list(EVENT, namespace)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_backup_is_taken_on_demand(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await serving(kube, namespace, backup={"destination": HERE})
        pending = await kube.condition(namespace, "BackupReady", "False", reason="BackupPending")
        assert "make a MemoryBankBackup" in (condition_of(pending, "BackupReady") or {})["message"]
        await ask(kube, namespace)
        pod = await end(kube, namespace, "one-1", TAKEN)
        done = (await in_phase(kube, namespace, "one", "Completed"))["status"]
        assert done["id"] == f"{namespace}/customer1/{ID}"
        assert (done["memories"], done["bytes"], done["sha256"]) == (40, 1000, "0" * 64)
        assert (done["location"], done["destination"]) == (TAKEN["location"], HERE)
        assert {one["type"]: one["status"] for one in done["conditions"]} == {"Complete": "True", "Failed": "False"}
        ready = await kube.condition(namespace, "BackupReady", "True")
        assert done["completedAt"] in (condition_of(ready, "BackupReady") or {})["message"]
        await event(kube, namespace, "BackupCompleted")
        assert figure("backup_completed_timestamp_seconds", namespace)
        await kube.delete(TENANT, namespace, "customer1")
        await kube.until_gone(DEPLOYMENT, namespace, "customer1")
        await operator.queue.settled()
        assert figure("backup_completed_timestamp_seconds", namespace) is None
    told = variables(pod)
    assert told["BACKUP_UNDER"] == f"{namespace}/customer1"
    assert told["TENANT_URL"] == f"http://customer1.{namespace}.svc"
    assert json.loads(told["BACKUP_DESTINATION"]) == {"folder": "/backups"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    key = next(volume for volume in pod["spec"]["volumes"] if volume["name"] == "key")
    assert key["secret"]["secretName"] == "customer1-api-key"


async def test_its_pod_is_let_in_and_is_no_pod_of_the_tenants_service(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        labels = (await pod_of(kube, namespace, "one-1"))["metadata"]["labels"]
        policy = await kube.get(NETWORK_POLICY, namespace, "customer1")
        peers = [
            peer["podSelector"]["matchLabels"] for peer in policy["spec"]["ingress"][0]["from"] if "podSelector" in peer
        ]
        assert any(wanted.items() <= labels.items() for wanted in peers)
        assert not policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


async def test_what_fails_is_told_and_tried_again(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_SECONDS", 2.0)
    full = {"what": "take", "reason": "DestinationFull", "message": "the destination is full: give it more room"}
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        first = await end(kube, namespace, "one-1", full, 1)
        retried = await in_phase(kube, namespace, "one", "Retrying")
        assert (condition_of(retried, "Complete") or {})["reason"] == "DestinationFull"
        told = await kube.condition(namespace, "BackupReady", "False", reason="BackupFailed")
        assert "give it more room" in (condition_of(told, "BackupReady") or {})["message"]
        assert (condition_of(told, "Available") or {})["status"] == "True", "the tenant is unharmed"
        second = await end(kube, namespace, "one-2", TAKEN)
        done = await in_phase(kube, namespace, "one", "Completed")
        assert done["status"]["attempts"] == 2
        await event(kube, namespace, "BackupRetried")
    assert variables(first)["BACKUP_KEY"] == variables(second)["BACKUP_KEY"], "the same moment's copy"


async def test_a_refused_job_is_told_and_harms_nobody(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backing_up, "HINDERED_SECONDS", 0.5)
    quota = Kind("", "v1", "ResourceQuota", "resourcequotas")
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await kube.create(quota, namespace, "none", spec={"hard": {"count/jobs.batch": "0"}})
        await kube.until(quota, namespace, "none", lambda found: found and found.get("status", {}).get("used"))
        await ask(kube, namespace)
        told = await kube.until(
            BACKUP, namespace, "one", lambda found: (condition_of(found, "Complete") or {}).get("reason") == "Refused"
        )
        assert "count/jobs.batch" in (condition_of(told, "Complete") or {})["message"]
        await kube.observed(await kube.change(namespace, rateLimit={"burst": 7}))
        await kube.delete(quota, namespace, "none")
        await end(kube, namespace, "one-1", TAKEN)
        done = await in_phase(kube, namespace, "one", "Completed")
        assert done["status"]["attempts"] == 1


async def test_after_the_last_attempt_it_has_failed(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(attempts, "MOST", 2)
    away = {"what": "take", "reason": "DestinationUnreachable", "message": "the bucket fails"}
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        pods = [await end(kube, namespace, f"one-{number}", away, 1) for number in (1, 2)]
        failed = await in_phase(kube, namespace, "one", "Failed")
        assert (condition_of(failed, "Failed") or {})["reason"] == "DestinationUnreachable"
        await event(kube, namespace, "BackupFailed")
    assert [variables(pod)["LAST_ATTEMPT"] for pod in pods] == ["false", "true"]


async def test_a_paused_tenant_keeps_what_was_said_of_its_backups(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        await end(kube, namespace, "one-1", {**TAKEN, "notRemoved": "no right to"})
        done = await in_phase(kube, namespace, "one", "Completed")
        assert "no right to" in (condition_of(done, "Complete") or {})["message"]
        before = condition_of(await kube.condition(namespace, "BackupReady", "True"), "BackupReady") or {}
        paused = await kube.observed(await kube.change(namespace, paused=True))
        after = condition_of(paused, "BackupReady") or {}
        assert (after["message"], after["lastTransitionTime"]) == (before["message"], before["lastTransitionTime"])


async def test_a_job_of_somebody_else_is_told_and_harms_nobody(kube: Kube, namespace: str, start: Start) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "theirs", "image": "theirs"}]}
    await kube.create(JOB, namespace, "one-1", spec={"template": {"spec": pod}})
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        told = await kube.until(
            BACKUP, namespace, "one", lambda found: (condition_of(found, "Complete") or {}).get("reason") == "Refused"
        )
        assert "already exists" in (condition_of(told, "Complete") or {})["message"]
        await kube.observed(await kube.change(namespace, rateLimit={"burst": 7}))


async def test_what_is_hopeless_is_not_tried_again(kube: Kube, namespace: str, start: Start) -> None:
    wrong = {"what": "take", "reason": "EncryptionKeyInvalid", "message": "the encryption key is no key of age"}
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        await end(kube, namespace, "one-1", wrong, 2)
        failed = await in_phase(kube, namespace, "one", "Failed")
        assert failed["status"]["attempts"] == 1


async def test_a_container_that_says_nothing_sensible_has_failed(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await ask(kube, namespace)
        await end(kube, namespace, "one-1", "Killed", 137)
        retried = await in_phase(kube, namespace, "one", "Retrying")
        assert (condition_of(retried, "Complete") or {})["message"] == "Killed"


@pytest.mark.parametrize(
    ("tenant", "spec", "reason"),
    [
        ({}, {}, "DestinationMissing"),
        (
            {"apiKeys": [{"name": "default", "scopes": ["read"]}], "backup": {"destination": HERE}},
            {},
            "AdminKeyMissing",
        ),
    ],
)
async def test_what_is_missing_is_told(
    kube: Kube, namespace: str, start: Start, tenant: dict[str, Any], spec: dict[str, Any], reason: str
) -> None:
    async with start():
        await serving(kube, namespace, **tenant)
        await ask(kube, namespace, **spec)
        told = await kube.until(
            BACKUP, namespace, "one", lambda found: (condition_of(found, "Complete") or {}).get("reason") == reason
        )
        assert (condition_of(told, "Complete") or {})["message"]


async def test_without_its_tenant_it_has_failed(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await ask(kube, namespace)
        failed = await in_phase(kube, namespace, "one", "Failed")
        assert (condition_of(failed, "Failed") or {})["reason"] == "TenantNotFound"


async def test_a_sleeping_tenant_is_backed_up_when_it_wakes(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await kube.change(namespace, hibernate=True)
        await kube.condition(namespace, "Available", "False", reason="Hibernated")
        await ask(kube, namespace)
        told = await in_phase(kube, namespace, "one", "Pending")
        assert "sleeps" in (condition_of(told, "Complete") or {})["message"]
        await kube.change(namespace, hibernate=False)
        await kube.ready_pod(namespace)
        await end(kube, namespace, "one-1", TAKEN)
        await in_phase(kube, namespace, "one", "Completed")


async def test_a_schedule_makes_them_and_the_old_ones_go(kube: Kube, namespace: str, start: Start) -> None:
    clock = Clock(2, 59)
    plan = {"destination": HERE, "schedule": "0 3 * * *", "retention": {"count": 1}}
    async with start() as operator:
        operator.reconciler._clock = clock
        await serving(kube, namespace, backup=plan)
        await ask(kube, namespace, "old")
        await end(kube, namespace, "old-1", TAKEN)
        await in_phase(kube, namespace, "old", "Completed")
        assert [one["metadata"]["name"] for one in await kube.list(BACKUP, namespace)] == ["old"]
        clock.now += datetime.timedelta(minutes=1)
        operator.resync()
        pod = await end(
            kube, namespace, "customer1-2701150300-1", {**TAKEN, "id": "20270116T080000Z-00000000", "removed": [ID]}
        )
        await in_phase(kube, namespace, "customer1-2701150300", "Completed")
        await kube.until_gone(BACKUP, namespace, "old")
        operator.resync()
        await operator.queue.settled()
        assert len(await kube.list(BACKUP, namespace)) == 1, "a time of the schedule makes one"
        assert json.loads(variables(pod)["BACKUP_RETENTION"]) == {"count": 1}


async def test_a_schedule_that_never_comes_is_told(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, backup={"destination": HERE, "schedule": "0 3 31 2 *"})
        told = await kube.condition(namespace, "BackupReady", "False", reason="InvalidSpec")
        assert "0 3 31 2 *" in (condition_of(told, "BackupReady") or {})["message"]


@pytest.mark.parametrize("fails", [False, True])
async def test_the_drill_tells_what_came_of_it(kube: Kube, namespace: str, start: Start, fails: bool) -> None:
    clock = Clock(4, 59)
    async with start() as operator:
        operator.reconciler._clock = clock
        await serving(kube, namespace, backup={"destination": HERE, "verifySchedule": "0 5 * * *"})
        await ask(kube, namespace)
        await end(kube, namespace, "one-1", TAKEN)
        await in_phase(kube, namespace, "one", "Completed")
        await kube.condition(namespace, "BackupReady", "True")
        clock.now += datetime.timedelta(minutes=1)
        operator.resync()
        drill = "customer1-drill-2701150500"
        if fails:
            lost = {"what": "drill", "reason": "RestoreDiffers", "message": "39 memories came back of 40"}
            await end(kube, namespace, drill, lost, 1)
            told = await kube.condition(namespace, "BackupReady", "False", reason="RestoreDrillFailed")
            assert "39 memories came back of 40" in (condition_of(told, "BackupReady") or {})["message"]
        else:
            await end(kube, namespace, drill, {"what": "drill", "id": ID, "foundAgain": "x"})
            await kube.until(
                BACKUP, namespace, "one", lambda found: (condition_of(found, "Verified") or {}).get("status") == "True"
            )
            told = await kube.until(
                TENANT,
                namespace,
                "customer1",
                lambda found: "drill succeeded" in (condition_of(found, "BackupReady") or {}).get("message", ""),
            )
            assert told["status"]["backups"]["lastVerifiedAt"]


async def restoring(kube: Kube, namespace: str, **spec: Any) -> None:
    await kube.tenant(namespace, "customer2", restoreFrom=spec)


async def test_a_tenant_begins_with_a_backup(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await serving(kube, namespace, backup={"destination": HERE})
        await restoring(kube, namespace, backupName="one")
        await kube.condition(namespace, "Available", "False", "customer2", "RestoreFailed")
        await ask(kube, namespace)
        await end(kube, namespace, "one-1", TAKEN)
        await kube.until(VOLUME_CLAIM, namespace, "customer2", lambda found: found)
        async with asyncio.timeout(SECONDS):
            pod = await pod_of(kube, namespace, "customer2-restore-1")
        deployment = await kube.get(DEPLOYMENT, namespace, "customer2")
        assert deployment["spec"]["replicas"] == 0, "nobody else has the volume"
        await end(kube, namespace, "customer2-restore-1", RESTORED)
        await kube.until(DEPLOYMENT, namespace, "customer2", lambda found: found and found["spec"]["replicas"] == 1)
        tenant = await kube.until(TENANT, namespace, "customer2", lambda found: found and "restored" in found["status"])
        assert tenant["status"]["restored"]["memories"] == 40
        await event(kube, namespace, "Restored")
    told = variables(pod)
    assert (told["BACKUP_UNDER"], told["BACKUP_ID"], told["TENANT_ID"]) == (f"{namespace}/customer1", ID, "customer2")
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "customer2"}} in pod["spec"]["volumes"]
    async with start() as operator:
        await operator.queue.settled()
        assert (await kube.get(DEPLOYMENT, namespace, "customer2"))["spec"]["replicas"] == 1, "once is enough"


async def test_a_restore_that_fails_starts_no_pod(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        await restoring(kube, namespace, destination=HERE, id=f"elsewhere/customer1/{ID}")
        lost = {"what": "restore", "reason": "BackupNotFound", "message": "it does not exist"}
        pod = await end(kube, namespace, "customer2-restore-1", lost, 2)
        told = await kube.condition(namespace, "Available", "False", "customer2", "RestoreFailed")
        assert "it does not exist" in (condition_of(told, "Available") or {})["message"]
        await operator.queue.settled()
        assert (await kube.get(DEPLOYMENT, namespace, "customer2"))["spec"]["replicas"] == 0
        assert [job["metadata"]["name"] for job in await kube.list(JOB, namespace)] == ["customer2-restore-1"]
    assert variables(pod)["BACKUP_UNDER"] == "elsewhere/customer1"


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        (TENANT, {"backup": {"destination": {}}}, "name either pvc or s3"),
        (TENANT, {"backup": {"destination": HERE, "schedule": "every day"}}, "is no schedule"),
        (TENANT, {"restoreFrom": {"backupName": "one", "id": ID}}, "name either backupName, or destination and id"),
        (TENANT, {"restoreFrom": {"destination": HERE, "id": "../../etc"}}, "is no backup's folder"),
        (BACKUP, {}, "tenantRef"),
    ],
)
async def test_bad_wishes_are_refused(kube: Kube, namespace: str, kind: Any, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(Answer) as refused:
        await kube.create(kind, namespace, "customer1", spec=spec)
    assert words in str(refused.value)


async def test_what_was_chosen_at_creation_stays(kube: Kube, namespace: str) -> None:
    await restoring(kube, namespace, backupName="one")
    await ask(kube, namespace)
    for kind, name, spec, words in (
        (TENANT, "customer2", {"restoreFrom": None}, "restoreFrom is chosen at creation"),
        (BACKUP, "one", {"tenantRef": {"name": "customer2"}}, "make another one"),
    ):
        with pytest.raises(Answer) as refused:
            await kube.merge(kind, namespace, name, {"spec": spec})
        assert words in str(refused.value)
