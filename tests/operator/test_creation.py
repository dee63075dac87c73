"""What the creation of a tenant costs, and which of its steps are told; on a cluster with a node that takes pods."""

import asyncio
from collections.abc import Iterator

import pytest

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.kubeconfig import from_kubeconfig

from .conftest import BINDING, Start, prepare
from .kube import Kube
from .test_quiet import requests, since


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("with-a-node"), manager_flags=BINDING) as plane:
        asyncio.run(prepare(from_kubeconfig(plane.kubeconfig)))
        asyncio.run(_node(plane))
        yield plane


async def _node(plane: ControlPlane) -> None:
    """It is Ready, as it says itself, and its pods start for ever."""
    room = {"cpu": "32", "memory": "256Gi", "pods": "100"}
    ready = {"type": "Ready", "status": "True", "reason": "Told", "message": "by the test"}
    async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
        status = {"allocatable": room, "capacity": room, "conditions": [ready]}
        await kube.call("POST", "/api/v1/nodes", {"metadata": {"name": "node0"}, "status": status})


async def begun(kube: Kube, namespace: str) -> None:
    """A tenant whose volume is bound and whose pod starts."""
    await kube.observed(await kube.tenant(namespace, storage={"storageClassName": namespace}))
    await kube.volume(namespace, storage_class=namespace)
    await kube.pod(namespace)


async def test_a_tenant_costs_one_write_an_object_two_of_status_and_no_read(
    kube: Kube, namespace: str, start: Start
) -> None:
    """Steps that are soon over are not told; what is made is not looked for before."""
    async with start(progress_seconds=60):
        read, counted = requests(("get",)), requests()
        await begun(kube, namespace)
        await kube.ready_pod(namespace)
        await kube.condition(namespace, "Ready", "True")
    written, read_since = since(counted), since(read, ("get",))
    assert written.pop("create events") == 2  # made, and ready
    assert written == {
        "apply memorybanktenants": 2,
        "create serviceaccounts": 1,
        "create networkpolicies": 1,
        "create persistentvolumeclaims": 1,
        "create services": 1,
        "create deployments": 1,
        "create secrets": 2,
    }
    assert read_since == {}


async def test_a_step_that_lasts_is_told(kube: Kube, namespace: str, start: Start) -> None:
    async with start(progress_seconds=1):
        await begun(kube, namespace)
        await kube.condition(namespace, "StorageReady", "True")
        await kube.condition(namespace, "Ready", "False", reason="PodStarting")
