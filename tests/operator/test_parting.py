"""`deletionPolicy: Snapshot` on a real API server: a tenant goes when its final backup is whole, with all its data."""

import asyncio
from typing import Any

import pytest

from memorybank_operator.api.names import FINAL_BACKUP_FINALIZER
from memorybank_operator.backups import attempts
from memorybank_operator.kinds import BACKUP, DEPLOYMENT, JOB, POD, SECRET, TENANT, VOLUME_CLAIM, Kind

from .backups import TAKEN, end, in_phase, pod_of
from .conftest import Start
from .kube import SECONDS, Kube, Manifest, condition_of
from .test_backups import HERE, serving, variables

NAMESPACE = Kind("", "v1", "Namespace", "namespaces")
FAILED = {"what": "final", "reason": "DestinationRefused", "message": "the key is wrong: look at the Secret"}


async def stored(kube: Kube, namespace: str, **spec: Any) -> str:
    """A tenant that has data; the name of its final backup."""
    tenant = await serving(kube, namespace, backup={"destination": HERE}, deletionPolicy="Snapshot", **spec)
    await kube.bind(await kube.pod(namespace))
    return f"customer1-final-{tenant['metadata']['uid'][:8]}"


async def delete(kube: Kube, namespace: str, policy: str = "Background") -> None:
    await kube.call("DELETE", TENANT.path(namespace, "customer1"), {"propagationPolicy": policy})


def is_of_tenant(pod: Manifest) -> bool:
    return bool(pod["metadata"]["labels"]["app.kubernetes.io/component"] == "tenant")


async def end_pods(kube: Kube, namespace: str) -> None:
    """As the kubelet does once nobody wants them any more."""
    async with asyncio.timeout(SECONDS):
        while pods := [one for one in await kube.list(POD, namespace) if is_of_tenant(one)]:
            for pod in pods:
                if "deletionTimestamp" in pod["metadata"]:
                    await kube.end(pod)
            await asyncio.sleep(0.05)


async def said(kube: Kube, namespace: str, words: str) -> Manifest:
    return await kube.until(
        TENANT,
        namespace,
        "customer1",
        lambda found: found and words in (condition_of(found, "BackupReady") or {}).get("message", ""),
    )


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_it_goes_with_its_data_when_the_final_backup_is_whole(
    kube: Kube, namespace: str, start: Start, propagation: str
) -> None:
    async with start():
        name = await stored(kube, namespace)
        tenant = await kube.get(TENANT, namespace, "customer1")
        assert FINAL_BACKUP_FINALIZER in tenant["metadata"]["finalizers"]
        await delete(kube, namespace, propagation)
        await end_pods(kube, namespace)
        await in_phase(kube, namespace, name, "Running")
        told = await said(kube, namespace, "is being taken")
        ready = condition_of(told, "Ready") or {}
        assert (ready["reason"], name in ready["message"]) == ("Terminating", True)
        for kind, child in ((VOLUME_CLAIM, "customer1"), (SECRET, "customer1-api-key")):
            assert "deletionTimestamp" not in (await kube.get(kind, namespace, child))["metadata"]
        pod = await end(kube, namespace, f"{name}-1", TAKEN)
        await kube.until_gone(TENANT, namespace, "customer1")
        await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")
        await kube.until_gone(SECRET, namespace, "customer1-api-key")
        await kube.until_gone(JOB, namespace, f"{name}-1")
        assert [one for one in await kube.list(POD, namespace) if "deletionTimestamp" not in one["metadata"]] == []
        done = (await kube.get(BACKUP, namespace, name))["status"]
        assert (done["phase"], done["memories"], done["destination"]) == ("Completed", 40, HERE)
    assert pod["spec"]["serviceAccountName"] == "default", "the tenant's own may be gone"
    claims = {
        one["persistentVolumeClaim"]["claimName"] for one in pod["spec"]["volumes"] if "persistentVolumeClaim" in one
    }
    assert claims == {"customer1", "backups"}


async def test_no_pod_has_the_volume_when_it_begins(kube: Kube, namespace: str, start: Start) -> None:
    async with start() as operator:
        name = await stored(kube, namespace)
        await delete(kube, namespace)
        await said(kube, namespace, "begins when the pod has ended")
        await operator.queue.settled()
        assert (await kube.get(DEPLOYMENT, namespace, "customer1"))["spec"]["replicas"] == 0
        assert await kube.list(BACKUP, namespace) == []
        await end_pods(kube, namespace)
        await in_phase(kube, namespace, name, "Running")


async def test_a_final_backup_that_fails_holds_it_and_says_the_ways_out(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MOST", 1)
    async with start():
        name = await stored(kube, namespace)
        await delete(kube, namespace)
        await end_pods(kube, namespace)
        await end(kube, namespace, f"{name}-1", FAILED, 1)
        told = await said(kube, namespace, "the key is wrong")
        message = (condition_of(told, "BackupReady") or {})["message"]
        assert f"Delete the MemoryBankBackup {name}" in message
        assert "spec.deletionPolicy" in message
        await kube.delete(BACKUP, namespace, name)
        await in_phase(kube, namespace, name, "Running")
        await end(kube, namespace, f"{name}-1", TAKEN)
        await kube.until_gone(TENANT, namespace, "customer1")


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
async def test_another_policy_lets_it_go_without(kube: Kube, namespace: str, start: Start, policy: str) -> None:
    async with start():
        name = await stored(kube, namespace)
        await delete(kube, namespace)
        await end_pods(kube, namespace)
        await in_phase(kube, namespace, name, "Running")
        await kube.merge(TENANT, namespace, "customer1", {"spec": {"deletionPolicy": policy}})
        await kube.until_gone(TENANT, namespace, "customer1")
        if policy == "Delete":
            await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")
            await kube.until_gone(SECRET, namespace, "customer1-api-key")
        else:
            for kind, child in ((VOLUME_CLAIM, "customer1"), (SECRET, "customer1-api-key")):
                found = (await kube.get(kind, namespace, child))["metadata"]
                assert not {"deletionTimestamp", "ownerReferences"} & found.keys()
        await in_phase(kube, namespace, name, "Failed")


async def test_another_policy_takes_the_finalizer_away(kube: Kube, namespace: str, start: Start) -> None:
    def free(found: Manifest | None) -> bool:
        return found is not None and "finalizers" not in found["metadata"]

    async with start():
        await stored(kube, namespace)
        await kube.merge(TENANT, namespace, "customer1", {"spec": {"deletionPolicy": "Retain"}})
        await kube.until(TENANT, namespace, "customer1", free)


async def test_others_finalizers_stay(kube: Kube, namespace: str, start: Start) -> None:
    other = "example.com/somebody"
    async with start():
        name = await stored(kube, namespace)
        mine = [FINAL_BACKUP_FINALIZER, other]
        await kube.merge(TENANT, namespace, "customer1", {"metadata": {"finalizers": mine}})
        await delete(kube, namespace)
        await end_pods(kube, namespace)
        await end(kube, namespace, f"{name}-1", TAKEN)
        await kube.until(
            TENANT, namespace, "customer1", lambda found: found and found["metadata"].get("finalizers") == [other]
        )
        await kube.merge(TENANT, namespace, "customer1", {"metadata": {"finalizers": None}})
        await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")


async def test_where_nothing_was_stored_there_is_nothing_to_back_up(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await kube.observed(await kube.tenant(namespace, backup={"destination": HERE}, deletionPolicy="Snapshot"))
        await delete(kube, namespace)
        await kube.until_gone(TENANT, namespace, "customer1")
        await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")
        assert await kube.list(BACKUP, namespace) == []


async def test_a_tenant_that_has_yet_to_get_its_backup_leaves_none(kube: Kube, namespace: str, start: Start) -> None:
    begins = {"destination": HERE, "id": f"{namespace}/customer1/{TAKEN['id']}"}
    async with start():
        plan = {"destination": HERE, "retention": {"count": 1}}
        await kube.tenant(namespace, restoreFrom=begins, backup=plan, deletionPolicy="Snapshot")
        await kube.condition(namespace, "Available", "False", reason="Restoring")
        await kube.volume(namespace)
        await delete(kube, namespace)
        await kube.until_gone(TENANT, namespace, "customer1")
        assert await kube.list(BACKUP, namespace) == []


async def test_a_final_backup_ends_no_other(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        plan = {"destination": HERE, "retention": {"count": 1}}
        tenant = await serving(kube, namespace, backup=plan, deletionPolicy="Snapshot")
        await delete(kube, namespace)
        pod = await pod_of(kube, namespace, f"customer1-final-{tenant['metadata']['uid'][:8]}-1")
        assert variables(pod)["BACKUP_RETENTION"] == "{}"


async def test_a_sleeping_tenant_and_a_paused_one_are_backed_up_too(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        name = await stored(kube, namespace)
        await kube.merge(TENANT, namespace, "customer1", {"spec": {"hibernate": True, "paused": True}})
        await delete(kube, namespace)
        await end_pods(kube, namespace)
        await end(kube, namespace, f"{name}-1", TAKEN)
        await kube.until_gone(TENANT, namespace, "customer1")


async def test_a_namespace_is_never_held(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        await stored(kube, namespace)
        await kube.call("DELETE", NAMESPACE.path(None, namespace))
        await end_pods(kube, namespace)
        await kube.until_gone(NAMESPACE, "", namespace)


async def test_a_backup_that_was_under_way_gives_way(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        name = await stored(kube, namespace)
        await kube.create(BACKUP, namespace, "one", spec={"tenantRef": {"name": "customer1"}})
        await in_phase(kube, namespace, "one", "Running")
        await delete(kube, namespace)
        await end_pods(kube, namespace)
        failed = await in_phase(kube, namespace, "one", "Failed")
        assert (condition_of(failed, "Failed") or {})["reason"] == "TenantDeleted"
        await end(kube, namespace, f"{name}-1", TAKEN)
        await kube.until_gone(TENANT, namespace, "customer1")


async def test_an_operator_that_was_away_goes_on(kube: Kube, namespace: str, start: Start) -> None:
    async with start():
        name = await stored(kube, namespace)
    await delete(kube, namespace)
    assert await kube.get(TENANT, namespace, "customer1")
    async with start():
        await end_pods(kube, namespace)
        await in_phase(kube, namespace, name, "Running")
    async with start():
        await end(kube, namespace, f"{name}-1", TAKEN)
        await kube.until_gone(TENANT, namespace, "customer1")
        assert await kube.list(JOB, namespace) == []
        assert [one["metadata"]["name"] for one in await kube.list(BACKUP, namespace)] == [name]
