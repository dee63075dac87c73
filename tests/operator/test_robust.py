"""Stopped in the middle of a write, and beside a tenant that cannot be served."""

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from memorybank_operator.__main__ import run
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import DEPLOYMENT, INGRESS, LEASE, NETWORK_POLICY, SECRET, SERVICE, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.settings import Settings

from .conftest import Start
from .kube import Kube, Manifest
from .test_quiet import requests, since
from .test_rollout import NEW, given, serving, want

LEASE_PLACE = ("memorybank-system", "memorybank-operator")
Write = Any
PLAIN: dict[str, Write] = {"apply": Cluster.apply, "_create": Cluster._create}  # of Secrets, too


class Held:
    """Requests that make an object of a kind are held: before the API server hears of them, or after its answer."""

    def __init__(self, kind: Kind, *, heard: bool) -> None:
        self.reached = asyncio.Event()
        self._kind = kind
        self._heard = heard

    def instead_of(self, verb: str) -> Write:
        async def write(cluster: Cluster, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
            if kind == self._kind:
                if self._heard:
                    await PLAIN[verb](cluster, kind, manifest, **options)
                self.reached.set()
                await asyncio.Event().wait()
            answer: Manifest = await PLAIN[verb](cluster, kind, manifest, **options)
            return answer

        return write


@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "unanswered"])
@pytest.mark.parametrize("kind", [NETWORK_POLICY, DEPLOYMENT, SECRET], ids=lambda kind: str(kind.kind))
async def test_a_stop_in_the_middle_of_a_write_leaves_nothing_half_done(
    kube: Kube,
    connection: Connection,
    namespace: str,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind,
    heard: bool,
) -> None:
    held = Held(kind, heard=heard)
    settings = Settings(watch_namespaces=(namespace,), health_port=0, identity="stopped")
    with monkeypatch.context() as patched:
        for verb in PLAIN:
            patched.setattr(Cluster, verb, held.instead_of(verb))
        running = asyncio.create_task(run(settings, connection))
        await kube.tenant(namespace, hostname=f"{namespace}.example.com")
        await asyncio.wait_for(held.reached.wait(), 20)
        began = time.monotonic()
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running, 10) == 0
        assert time.monotonic() - began < 5
    assert (await kube.get(LEASE, *LEASE_PLACE))["spec"]["holderIdentity"] == ""
    keys = {found["metadata"]["name"]: found["data"] for found in await kube.list(SECRET, namespace)}
    async with start() as operator:
        for made in (NETWORK_POLICY, SERVICE, DEPLOYMENT, INGRESS):
            await kube.until(made, namespace, "customer1", lambda found: found)
        await kube.play_node(namespace)
        await kube.condition(namespace, "Ready", "True")
        await operator.queue.settled()
        counted = requests()
        operator.resync()
        await operator.queue.settled()
        assert since(counted) == {}
    after = {found["metadata"]["name"]: found["data"] for found in await kube.list(SECRET, namespace)}
    assert set(after) == {"customer1-api-key", "customer1-access"}
    assert keys.items() <= after.items()


async def test_tenants_whose_writes_hang_delay_no_other(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def apply(cluster: Cluster, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        if manifest["metadata"]["name"].startswith("hangs"):
            await asyncio.Event().wait()
        answer: Manifest = await PLAIN["apply"](cluster, kind, manifest, **options)
        return answer

    monkeypatch.setattr(Cluster, "apply", apply)
    async with start(workers=8) as operator:
        operator.queue._patience = 2.0
        for number in range(6):
            await kube.tenant(namespace, f"hangs{number}")
        await kube.observed(await kube.tenant(namespace))


async def test_a_tenant_that_always_fails_by_a_fault_of_the_operator_delays_no_other(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def apply(cluster: Cluster, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
        if manifest["metadata"]["name"] == "poisoned":
            raise KeyError("a fault of the operator")
        answer: Manifest = await PLAIN["apply"](cluster, kind, manifest, **options)
        return answer

    monkeypatch.setattr(Cluster, "apply", apply)
    async with start(workers=1):
        await kube.tenant(namespace, "poisoned")
        await kube.observed(await kube.tenant(namespace))
        await kube.until(DEPLOYMENT, namespace, "customer1", lambda found: found)
    monkeypatch.undo()
    async with start():
        await kube.until(DEPLOYMENT, namespace, "poisoned", lambda found: found)


async def test_a_tenant_that_cannot_be_written_holds_no_place_in_a_wave(
    kube: Kube, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(max_concurrent_rollouts=1):
        await serving(kube, namespace, "customer1", "customer2")

        async def apply(cluster: Cluster, kind: Kind, manifest: Manifest, **options: Any) -> Manifest:
            if kind == DEPLOYMENT and manifest["metadata"]["name"] == "customer1":
                raise TimeoutError
            answer: Manifest = await PLAIN["apply"](cluster, kind, manifest, **options)
            return answer

        monkeypatch.setattr(Cluster, "apply", apply)
        await want(kube, namespace, NEW, "customer1", "customer2")
        await given(kube, namespace, "customer2", NEW)
