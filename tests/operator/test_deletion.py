"""Deletion in every order follows the policy and never hangs: tenant, namespace, operator or CRD first."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.kinds import CHILDREN, DEPLOYMENT, EVENT, OPTIONAL, SECRET, TENANT, VOLUME_CLAIM, Kind
from memorybank_operator.kubeconfig import from_kubeconfig
from memorybank_operator.repairs import REPAIRED

from .conftest import CRD, CRDS, OperatorProcess, Start, install_crd
from .kube import COLLECTION_SECONDS, Kube

NAMESPACE = Kind("", "v1", "Namespace", "namespaces")
DATA: tuple[tuple[Kind, str], ...] = ((VOLUME_CLAIM, "customer1"), (SECRET, "customer1-api-key"))
POLICIES = pytest.mark.parametrize("policy", ["Retain", "Delete"])


async def made(kube: Kube, namespace: str, policy: str) -> None:
    await kube.observed(await kube.tenant(namespace, deletionPolicy=policy, hostname=f"{namespace}.example.com"))
    await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)


async def assert_followed(kube: Kube, namespace: str, policy: str) -> None:
    """All is gone but, under Retain, the volume and the key."""
    for kind in CHILDREN:
        if kind not in OPTIONAL and kind is not VOLUME_CLAIM:
            await kube.until_gone(kind, namespace, "customer1")
    await kube.until_gone(SECRET, namespace, "customer1-access")
    for kind, name in DATA:
        if policy == "Delete":
            await kube.until_gone(kind, namespace, name)
        else:
            found = await kube.get(kind, namespace, name)
            assert "deletionTimestamp" not in found["metadata"]


@POLICIES
async def test_a_tenant_is_deleted_first(kube: Kube, namespace: str, start: Start, policy: str) -> None:
    async with start():
        await made(kube, namespace, policy)
        await kube.delete(TENANT, namespace, "customer1")
        await assert_followed(kube, namespace, policy)


@POLICIES
async def test_the_operator_is_gone_before_the_tenant(kube: Kube, namespace: str, start: Start, policy: str) -> None:
    async with start():
        await made(kube, namespace, policy)
    await kube.delete(TENANT, namespace, "customer1")
    await kube.until_gone(TENANT, namespace, "customer1")
    await assert_followed(kube, namespace, policy)


@POLICIES
async def test_the_operator_is_gone_before_the_namespace(kube: Kube, namespace: str, start: Start, policy: str) -> None:
    async with start():
        await made(kube, namespace, policy)
    await kube.call("DELETE", NAMESPACE.path(None, namespace))
    await gone(kube, namespace)


@POLICIES
async def test_the_namespace_is_deleted_first(kube: Kube, namespace: str, start: Start, policy: str) -> None:
    async with start() as operator:
        await made(kube, namespace, policy)
        await kube.call("DELETE", NAMESPACE.path(None, namespace))
        await gone(kube, namespace)
        await operator.queue.settled()


async def test_what_goes_late_with_a_namesake_is_made_again_without_a_word(
    kube: Kube, namespace: str, start: Start
) -> None:
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    async with start() as operator:
        await made(kube, namespace, "Delete")
        await kube.merge(VOLUME_CLAIM, namespace, "customer1", hold)
        await kube.delete(TENANT, namespace, "customer1")
        await kube.until(VOLUME_CLAIM, namespace, "customer1", leaving, COLLECTION_SECONDS)
        await kube.until_gone(SECRET, namespace, "customer1-api-key")
        await made(kube, namespace, "Delete")
        await operator.queue.settled()
        late = await kube.get(VOLUME_CLAIM, namespace, "customer1")
        assert leaving(late)
        await kube.merge(VOLUME_CLAIM, namespace, "customer1", {"metadata": {"finalizers": None}})
        own = await kube.until(
            VOLUME_CLAIM, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid_of(late)
        )
        await operator.queue.settled()
        assert await told_repairs(kube, namespace) == []
        await kube.delete(VOLUME_CLAIM, namespace, "customer1")
        await kube.until(
            VOLUME_CLAIM, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid_of(own)
        )
        await operator.queue.settled()
    assert await told_repairs(kube, namespace) == [
        "Somebody deleted the PersistentVolumeClaim customer1: it is made again."
    ]


def leaving(found: dict[str, Any] | None) -> bool:
    return found is not None and "deletionTimestamp" in found["metadata"]


def uid_of(found: dict[str, Any]) -> Any:
    return found["metadata"]["uid"]


async def told_repairs(kube: Kube, namespace: str) -> list[str]:
    return [event["message"] for event in await kube.list(EVENT, namespace) if event["reason"] == REPAIRED]


async def gone(kube: Kube, namespace: str) -> None:
    """The namespace with all that is in it; the pods end at once, as no node runs them."""
    await kube.until_gone(NAMESPACE, "", namespace)


@POLICIES
async def test_a_policy_changed_while_the_tenant_lives_is_the_one_that_counts(
    kube: Kube, namespace: str, start: Start, policy: str
) -> None:
    async with start():
        await made(kube, namespace, "Delete" if policy == "Retain" else "Retain")
        await kube.observed(await kube.change(namespace, deletionPolicy=policy))
    await kube.delete(TENANT, namespace, "customer1")
    await assert_followed(kube, namespace, policy)


async def test_a_retained_volume_and_key_are_adopted_after_an_operators_absence(
    kube: Kube, namespace: str, start: Start
) -> None:
    async with start():
        await made(kube, namespace, "Retain")
    before = [(await kube.get(kind, namespace, name))["metadata"]["uid"] for kind, name in DATA]
    await kube.delete(TENANT, namespace, "customer1")
    await assert_followed(kube, namespace, "Retain")
    async with start():
        await made(kube, namespace, "Delete")
        assert [(await kube.get(kind, namespace, name))["metadata"]["uid"] for kind, name in DATA] == before
        await kube.delete(TENANT, namespace, "customer1")
        await assert_followed(kube, namespace, "Delete")


# --- the CRD is deleted with tenants there


@pytest.fixture
def process(plane: ControlPlane) -> Iterator[OperatorProcess]:
    process = OperatorProcess(plane.kubeconfig)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def crd(plane: ControlPlane) -> Iterator[dict[str, Any]]:
    """The definition of the tenants, which is there again afterwards."""
    crd: dict[str, Any] = yaml.safe_load((Path(CRDS) / "memorybanktenants.yaml").read_text())
    yield crd
    asyncio.run(_install(plane, crd))


async def _install(plane: ControlPlane, crd: dict[str, Any]) -> None:
    async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
        there = [item["metadata"]["name"] for item in (await kube.call("GET", CRD.path(None)))["items"]]
        if crd["metadata"]["name"] not in there:
            await install_crd(kube, crd)


@pytest.mark.parametrize("operator", ["running", "gone"])
async def test_the_definition_of_the_tenants_is_deleted_with_tenants_there(
    kube: Kube, process: OperatorProcess, crd: dict[str, Any], operator: str
) -> None:
    namespaces = {policy: await kube.namespace() for policy in ("Retain", "Delete")}
    for policy, namespace in namespaces.items():
        await made(kube, namespace, policy)
    # The garbage collector learns of new kinds of owners every half minute: here it shows that it knows ours.
    first = await kube.namespace()
    await made(kube, first, "Delete")
    await kube.delete(TENANT, first, "customer1")
    await assert_followed(kube, first, "Delete")
    if operator == "gone":
        process.stop()
    await kube.call("DELETE", CRD.path(None, crd["metadata"]["name"]))
    await kube.until_gone(CRD, "", crd["metadata"]["name"])
    for policy, namespace in namespaces.items():
        await assert_followed(kube, namespace, policy)
    if operator == "running":
        await install_crd(kube, crd)
        await kube.observed(await kube.tenant(await kube.namespace()))
