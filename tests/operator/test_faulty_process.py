"""The operator as a process behind the proxy: killed by SIGKILL at a call, and without an API server for a while."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memorybank_operator import lead
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import SERVICE
from memorybank_operator.kubeconfig import Connection

from .conftest import OperatorProcess
from .endstate import end_state, keys
from .faults import Call, Fault, Killed, Silent
from .kube import Kube
from .mortal import MortalCluster, MortalOperator
from .proxy import ApiProxy

IMAGE = "registry/mb:v1"


@pytest.fixture
async def proxy(connection: Connection) -> AsyncIterator[ApiProxy]:
    async with ApiProxy(connection) as proxy:
        yield proxy


@pytest.fixture
def process(proxy: ApiProxy, namespace: str, tmp_path: Path) -> OperatorProcess:
    """Not started; of one identity, whose Lease is its own again at once."""
    config = {
        "current-context": "proxy",
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "none"}}],
        "clusters": [{"name": "proxy", "cluster": {"server": proxy.connection.server}}],
        "users": [{"name": "none", "user": {}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    return OperatorProcess(
        kubeconfig, POD_NAME="operator-0", WATCH_NAMESPACES=namespace, MEMORYBANK_IMAGE=IMAGE, LOG_LEVEL="info"
    )


class At:
    """Kill at the first write to a path that ends so."""

    def __init__(self, end: str, *, executed: bool) -> None:
        self.struck = asyncio.Event()
        self._end, self._executed = end, executed

    def __call__(self, call: Call) -> Fault | None:
        if call.write and call.path.endswith(self._end) and not self.struck.is_set():
            return Killed(executed=self._executed, struck=self.struck)
        return None


@pytest.mark.parametrize(
    ("end", "executed"),
    [
        ("/secrets", True),
        ("/persistentvolumeclaims", True),
        ("/deployments", False),
        ("/status", True),
    ],
)
async def test_sigkill_at_a_call_ends_as_an_undisturbed_run_does(
    kube: Kube,
    connection: Connection,
    proxy: ApiProxy,
    namespace: str,
    process: OperatorProcess,
    end: str,
    executed: bool,
) -> None:
    undisturbed = await kube.namespace()
    async with Cluster(connection) as cluster:
        await kube.tenant(undisturbed)
        await MortalOperator(MortalCluster(connection, cluster), undisturbed).settle()
    await asyncio.to_thread(process.start)
    proxy.rule = kill = At(end, executed=executed)
    tenant = await kube.tenant(namespace)
    async with asyncio.timeout(20):
        await kill.struck.wait()
    process.kill()
    told = await keys(kube, namespace)
    await asyncio.to_thread(process.start)
    try:
        await kube.observed(tenant)
        wanted, found = await end_state(kube, undisturbed), await end_state(kube, namespace)
        told_before, told_now = wanted.pop("events"), found.pop("events")
        assert set(told_now.values()) <= {1}, (told_before, told_now)  # none is told twice for the kill
        assert found == wanted
        assert told.items() <= (await keys(kube, namespace)).items()
    finally:
        await asyncio.to_thread(process.stop)


async def test_without_an_api_server_it_waits_and_goes_on_without_a_restart(
    kube: Kube, proxy: ApiProxy, namespace: str, process: OperatorProcess
) -> None:
    await asyncio.to_thread(process.start)
    try:
        await kube.observed(await kube.tenant(namespace))
        await proxy.away()
        # Another replica might reach the API server, so it may not go on as if it led.
        await asyncio.to_thread(process.wait_for, "leads no more")
        await kube.delete(SERVICE, namespace, "customer1")
        changed = await kube.change(namespace, rateLimit={"burst": 7})
        await proxy.back()
        await asyncio.to_thread(process.wait_for, "everything was seen once")
        await kube.observed(changed)
        await kube.until(SERVICE, namespace, "customer1", lambda found: found)
    finally:
        status = await asyncio.to_thread(process.stop)
    assert status == 0
    assert not [line for line in process.lines if '"exception"' in line]


@pytest.fixture
def hasty_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(lead, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(lead, "CANARY_SECONDS", 2.0)


@pytest.mark.usefixtures("hasty_lead")
async def test_liveness_tells_a_silent_watch_from_an_api_server_that_is_away(kube: Kube, proxy: ApiProxy) -> None:
    async with Cluster(proxy.connection) as cluster:
        leadership = lead.Leadership(cluster, await kube.namespace(), "operator-0")
        await leadership.acquire()
        tasks = [asyncio.create_task(leadership.watch()), asyncio.create_task(leadership.keep())]
        await _until(leadership, alive=True, away=False)
        proxy.rule = lambda call: Silent() if call.watch else None
        proxy.drop_all()
        await _until(leadership, alive=False, away=False)
        proxy.rule = lambda call: None
        proxy.drop_all()
        await _until(leadership, alive=True, away=False)
        await proxy.away()
        await _until(leadership, alive=True, away=True)
        assert leadership.canary_age < lead.PATIENCE_SECONDS
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until(leadership: lead.Leadership, *, alive: bool, away: bool) -> None:
    async with asyncio.timeout(20):
        while (leadership.alive, leadership.away) != (alive, away):  # noqa: ASYNC110 (it is a clock that decides)
            await asyncio.sleep(0.02)
