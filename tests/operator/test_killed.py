"""The operator killed at every single call to the API server, and another one that knows nothing begins.

Where an operation's calls are is counted by a run that nothing disturbs, so that a new call has its kills from the
first day. However far the first operator came, the end is that of the undisturbed run: nothing is missing, nothing is
left over, nothing is doubled, no pod was replaced once more, and a key that was made once stays.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import DEPLOYMENT, POD, SECRET, TENANT
from memorybank_operator.kubeconfig import Connection

from .endstate import end_state, keys, opened
from .kube import Kube
from .mortal import Death, MortalCluster, MortalOperator

AT_ONCE = 6

Act = Callable[[Kube, str], Awaitable[Any]]


class Operation(NamedTuple):
    """What somebody does to a tenant, on top of what there was before."""

    act: Act
    before: dict[str, Any] | None = None
    """The spec of the tenant that is there already; None: there is none."""
    left: tuple[str, ...] | None = None
    """After a deletion: what the garbage collector has to leave behind."""
    pod: bool = False
    """Whether the operation reaches the running pod, which has to be there first."""


async def create(kube: Kube, namespace: str) -> None:
    await kube.tenant(namespace, hostname="customer1.example.com", apiKeys=[one("default"), one("reader")])


def one(name: str) -> dict[str, Any]:
    return {"name": name, "scopes": ["read"]}


async def update(kube: Kube, namespace: str) -> None:
    await kube.change(
        namespace,
        image="registry/mb:v2",
        rateLimit={"burst": 7},
        apiKeys=[one("default"), one("reader")],
        access={"type": "None"},
        networkPolicy={"enabled": False},
    )


async def hibernate(kube: Kube, namespace: str) -> None:
    await kube.change(namespace, hibernate=True)


async def wake(kube: Kube, namespace: str) -> None:
    await kube.change(namespace, hibernate=False)


async def lose_key(kube: Kube, namespace: str) -> None:
    await kube.delete(SECRET, namespace, "customer1-api-key")


async def lose_children(kube: Kube, namespace: str) -> None:
    await kube.delete(DEPLOYMENT, namespace, "customer1")
    await kube.delete(SECRET, namespace, "customer1-access")


async def own(kube: Kube, namespace: str) -> None:
    await kube.change(namespace, deletionPolicy="Delete")


async def delete(kube: Kube, namespace: str) -> None:
    await kube.delete(TENANT, namespace, "customer1")


HOST = {"hostname": "customer1.example.com"}
OPERATIONS = {
    "create": Operation(create),
    "create to be deleted": Operation(lambda kube, namespace: kube.tenant(namespace, deletionPolicy="Delete")),
    "update": Operation(update, before=HOST, pod=True),
    "hibernate": Operation(hibernate, before=HOST),
    "wake": Operation(wake, before={"hibernate": True}),
    "repair": Operation(lose_children, before=HOST),
    "rotate": Operation(lose_key, before=HOST, pod=True),
    "Retain to Delete": Operation(own, before={}),
    "delete (Retain)": Operation(
        delete, before=HOST, left=("PersistentVolumeClaim/customer1", "Secret/customer1-api-key")
    ),
    "delete (Delete)": Operation(delete, before={"deletionPolicy": "Delete"}, left=()),
}


@pytest.fixture
async def run(connection: Connection) -> AsyncIterator["Runs"]:
    async with Kube(connection) as kube, Cluster(connection) as cluster:
        yield Runs(kube, connection, cluster)


class Runs:
    """Runs of one operation, each in a namespace of its own."""

    def __init__(self, kube: Kube, connection: Connection, cluster: Cluster) -> None:
        self.kube = kube
        self._connection = connection
        self._cluster = cluster
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def undisturbed(self, operation: Operation) -> tuple[Any, list[str], list[tuple[int, bool]]]:
        """The end state, the calls, and where to kill."""
        namespace = await self.kube.new_namespace()
        cluster = MortalCluster(self._connection, self._cluster)
        await self._begin(cluster, operation, namespace)
        return await self._end(operation, namespace), list(cluster.calls), cluster.points

    async def killed(self, operation: Operation, last: int, executed: bool) -> tuple[Any, bool]:
        """The end state after a kill and a new beginning; and whether there was a kill."""
        async with self._slots:
            namespace = await self.kube.new_namespace()
            died = False
            try:
                cluster = MortalCluster(self._connection, self._cluster)
                await self._begin(cluster, operation, namespace, last, executed=executed)
            except Death:
                died = True
            told = await keys(self.kube, namespace)
            heir = MortalCluster(self._connection, self._cluster)
            await MortalOperator(heir, namespace).settle()
            end = await self._end(operation, namespace)
            now = await keys(self.kube, namespace)
            assert {name: now.get(name) for name in told if operation.left != ()} == (
                told if operation.left != () else {}
            ), "a key was made anew"
            return end, died

    async def _begin(
        self,
        cluster: MortalCluster,
        operation: Operation,
        namespace: str,
        last: int | None = None,
        *,
        executed: bool = False,
    ) -> None:
        operator = MortalOperator(cluster, namespace)
        if operation.before is not None:
            await self.kube.tenant(namespace, **operation.before)
            await operator.settle()
            if operation.pod:
                await self.kube.pod(namespace)
        await operation.act(self.kube, namespace)
        cluster.count(last, executed=executed)
        await operator.settle()

    async def _end(self, operation: Operation, namespace: str) -> Any:
        if operation.left is not None:
            return await self._collected(namespace, operation.left)
        end = await end_state(self.kube, namespace)
        digests = [hashlib.sha256(key.encode()).hexdigest() for key in (await keys(self.kube, namespace)).values()]
        assert await opened(self.kube, namespace) == {"customer1-access": sorted(digests)}
        return end

    async def _collected(self, namespace: str, left: tuple[str, ...]) -> Any:
        """What is left when nothing but what should be is; the garbage collector takes its time."""
        async with asyncio.timeout(90):
            while True:
                end = await end_state(self.kube, namespace)
                names = {name for name in end if "/" in name}
                if names <= set(left) and not await self.kube.list(POD, namespace):
                    assert names == set(left)
                    return end
                await asyncio.sleep(0.5)


@pytest.mark.parametrize("name", OPERATIONS)
async def test_killed_at_any_call_the_end_is_that_of_an_undisturbed_run(run: Runs, name: str) -> None:
    operation = OPERATIONS[name]
    wanted, calls, points = await run.undisturbed(operation)
    ends = await asyncio.gather(*(run.killed(operation, last, executed) for last, executed in points))
    deaths = [point for point, (_, died) in zip(points, ends, strict=True) if died]
    print(f"{name}: {len(calls)} calls, {len(deaths)} kills")  # noqa: T201
    # How often it looks again after that is chance: what a node or a controller tells meanwhile comes late or soon.
    told = next((number for number, call in enumerate(calls) if call.endswith("/status")), len(calls))
    first_look = [point for point in points if point[0] <= told]
    assert 4 * len([point for point in deaths if point in first_look]) >= 3 * len(first_look)
    for (last, executed), (end, _) in zip(points, ends, strict=True):
        where = f"{name}, killed {'after' if executed else 'before'} call {last}: {calls[last]}"
        events, before = end.pop("events"), dict(wanted["events"])
        # What the controllers do meanwhile decides which steps are seen; none is told twice for the kill.
        assert all(count <= max(1, before.get(event, 0)) for event, count in events.items()), (where, events)
        assert end == {part: value for part, value in wanted.items() if part != "events"}, where
