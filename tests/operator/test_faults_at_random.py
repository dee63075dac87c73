"""Whatever goes wrong, and wherever: when it stops, everything is as if nothing had.

Somebody makes, changes, puts to sleep, wakes, rotates and deletes tenants while requests and watches of the operator go
wrong at random. A seed that fails is named by the test's own name, and plays the same faults for the same requests.
"""

import asyncio
import contextlib
import hashlib
import random
from typing import Any

import pytest

from memorybank_operator import cluster as cluster_module
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import SECRET, SERVICE, TENANT
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.queue import PATIENCE_SECONDS
from memorybank_operator.settings import Settings

from .endstate import end_state, keys, opened
from .faults import (
    ANSWER_LOST,
    BROKEN,
    CONFLICT,
    GONE,
    NOT_SENT,
    UNAVAILABLE,
    WATCH_BROKEN,
    WATCH_GARBLED,
    Answer,
    Call,
    Cut,
    Fault,
    Garbled,
    Page,
    Silent,
    Slow,
)
from .kube import Kube
from .proxy import ApiProxy
from .test_deletion import told_repairs
from .test_faults import hasty

__all__ = ["hasty"]

SEEDS = (1, 2, 3)
STEPS = 24
SHARE = 0.25
"""Of the requests that go wrong."""
TENANTS = ("customer1", "customer2", "customer3")

REQUESTS: tuple[Fault, ...] = (
    CONFLICT,
    Answer(429, "TooManyRequests"),
    BROKEN,
    UNAVAILABLE,
    NOT_SENT,
    ANSWER_LOST,
    ANSWER_LOST,
    Garbled(),
    Page(200),
    Page(404),
    Page(502),
    Slow(0.3),
)
WATCHES: tuple[Fault, ...] = (Cut(), Cut(after=1), GONE, WATCH_BROKEN, WATCH_GARBLED, Silent(), UNAVAILABLE, Page(404))

Step = tuple[str, str]
"""What is done, and to which tenant."""


def story(seed: int) -> list[Step]:
    """What somebody does, in an order that makes sense: each tenant is made first, and again after it was deleted."""
    dice, there, steps = random.Random(seed), set[str](), list[Step]()  # noqa: S311 (no secret)
    while len(steps) < STEPS:
        name = dice.choice(TENANTS)
        acts = ("update", "hibernate", "wake", "rotate", "unroute", "route", "delete", "destroy")
        act = dice.choice(acts) if name in there else "create"
        there ^= {name} if act in ("create", "delete", "destroy") else set()
        steps.append((act, name))
    return steps


async def act(kube: Kube, namespace: str, number: int, step: Step) -> None:
    what, name = step
    host = {"hostname": f"{name}.{namespace}.example.com"}
    changes: dict[str, dict[str, Any]] = {
        "update": {"rateLimit": {"burst": number + 1}, "forgetting": {"thresholdPercent": number + 1}},
        "hibernate": {"hibernate": True},
        "wake": {"hibernate": False},
        "unroute": {"hostname": None},
        "route": host,
    }
    match what:
        case "create":
            await kube.tenant(namespace, name, **host)
        case "rotate":
            with contextlib.suppress(Exception):
                await kube.delete(SECRET, namespace, f"{name}-api-key")
            asked = {"annotations": {"memorybank.dev/reconcile": f"step-{number}"}}
            await kube.merge(TENANT, namespace, name, {"metadata": asked})
        case "delete":
            await kube.delete(TENANT, namespace, name)
        case "destroy":
            await kube.change(namespace, name, deletionPolicy="Delete")
            await kube.observed(await kube.get(TENANT, namespace, name))
            await kube.delete(TENANT, namespace, name)
        case _:
            await kube.change(namespace, name, **changes[what])


class Tells:
    """The keys that were seen once: each has to stay until somebody deletes its Secret."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube, self._namespace = kube, namespace
        self._known: dict[str, str] = {}

    async def look(self) -> None:
        found = await keys(self._kube, self._namespace)
        for name, key in found.items():
            assert self._known.setdefault(name, key) == key, f"{name} was made anew"

    async def expect(self, step: Step) -> None:
        """Before a step that ends a key."""
        await self.look()
        if step[0] in ("rotate", "destroy"):
            self._known.pop(f"{step[1]}-api-key", None)


async def tell(kube: Kube, namespace: str, steps: list[Step], operator: Operator, *, calm: bool) -> Any:
    """Play the story, and answer the end state."""
    known = Tells(kube, namespace)
    for number, step in enumerate(steps):
        await known.expect(step)
        await act(kube, namespace, number, step)
        if calm:
            if step[0] not in ("delete", "destroy"):
                await kube.observed(await kube.get(TENANT, namespace, step[1]))
            await operator.queue.settled()
        if step[0] == "destroy":
            await kube.until_gone(SECRET, namespace, f"{step[1]}-api-key")
    return known


class Chance:
    """Faults by the dice, until they are told to stop."""

    def __init__(self, seed: int) -> None:
        self.on = True
        self._dice = random.Random(seed)  # noqa: S311 (no secret)

    def __call__(self, call: Call) -> Fault | None:
        if not self.on or self._dice.random() > SHARE:
            return None
        return self._dice.choice(WATCHES if call.watch else REQUESTS)


@contextlib.asynccontextmanager
async def running(connection: Connection, namespace: str) -> Any:
    stop = asyncio.Event()
    async with Cluster(connection) as cluster:
        operator = Operator(
            cluster, Settings(watch_namespaces=(namespace,), progress_seconds=0, image="registry/mb:v1")
        )
        task = asyncio.create_task(operator.run(stop))
        await operator.synced.wait()
        try:
            yield operator
            assert not task.done(), task
        finally:
            stop.set()
            await task


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("hasty")
async def test_after_faults_at_random_everything_is_as_without(
    kube: Kube, connection: Connection, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No fault here holds a request up. One that is given up on a busy machine may be done late, for a tenant now gone.
    monkeypatch.setattr(cluster_module, "REQUEST_SECONDS", PATIENCE_SECONDS)
    steps = story(seed)
    calm, rough = await kube.namespace(), await kube.namespace()
    async with running(connection, calm) as operator:
        await tell(kube, calm, steps, operator, calm=True)
        operator.resync()
        await operator.queue.settled()
        async with ApiProxy(connection) as proxy:
            proxy.rule = chance = Chance(seed)
            async with running(proxy.connection, rough) as other:
                known = await tell(kube, rough, steps, other, calm=False)
                chance.on = False
                print(f"seed {seed}: {len(proxy.calls)} requests, {len(proxy.met)} faults")  # noqa: T201
                await known.look()
                await alike(kube, calm, rough, other)
                await known.look()
                # Its watches tell again.
                for name in {name for what, name in steps}:
                    for service in await kube.list(SERVICE, rough):
                        if service["metadata"]["name"] == name:
                            await kube.delete(SERVICE, rough, name)
                            await kube.until(SERVICE, rough, name, lambda found: found)


async def alike(kube: Kube, calm: str, rough: str, operator: Operator) -> None:
    """Return when the two namespaces have come to the same; the garbage collector may take its time."""
    try:
        async with asyncio.timeout(90):
            while True:
                operator.resync()
                await operator.queue.settled()
                wanted, end = await end_state(kube, calm), await end_state(kube, rough)
                if _differences(wanted, end) == []:
                    break
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise AssertionError(_differences(wanted, end)) from error
    for name, count in end["rolled"].items():
        assert count <= wanted["rolled"][name], f"{name} was changed once more"
    assert end["events"] <= wanted["events"], (end["events"] - wanted["events"], await told_repairs(kube, rough))
    digests = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in (await keys(kube, rough)).items()}
    for name, open_to in (await opened(kube, rough)).items():
        assert open_to == [digests[name.replace("-access", "-api-key")]]


def _differences(wanted: dict[str, Any], end: dict[str, Any]) -> list[Any]:
    names = (wanted.keys() | end.keys()) - {"rolled", "events"}
    return [(name, wanted.get(name), end.get(name)) for name in sorted(names) if wanted.get(name) != end.get(name)]
