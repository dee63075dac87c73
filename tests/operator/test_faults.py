"""Each kind of fault between the operator and the real API server, alone: what the operator makes of it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from memorybank_operator import cluster as cluster_module
from memorybank_operator import queue, reflector
from memorybank_operator.answers import ApiError, NotFound, Unreadable
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import (
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    NETWORK_POLICY,
    SERVICE,
    SERVICE_ACCOUNT,
    TENANT,
    VOLUME_CLAIM,
    Kind,
)
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.seen import TenantKey
from memorybank_operator.settings import Settings

from .endstate import keys
from .faults import (
    ANSWER_LOST,
    BROKEN,
    CONFLICT,
    GONE,
    NOT_SENT,
    TOO_MANY,
    UNAVAILABLE,
    WATCH_BROKEN,
    WATCH_GARBLED,
    Answer,
    Call,
    Cut,
    Fault,
    Garbled,
    Held,
    Hung,
    Page,
    Silent,
    Slow,
    Told,
)
from .kube import COLLECTION_SECONDS, SECONDS, Kube, Manifest, condition_of
from .proxy import ApiProxy

FAULTS: dict[str, Fault] = {
    "409": CONFLICT,
    "429": TOO_MANY,
    "500": BROKEN,
    "503": UNAVAILABLE,
    "dropped before": NOT_SENT,
    "dropped after": ANSWER_LOST,
    "half an answer": Garbled(),
    "a page under 200": Page(200),
    "a page under 404": Page(404),
    "a page under 502": Page(502),
    "slow": Slow(0.5),
    "hung": Hung(),
}
WATCH_FAULTS: dict[str, Fault] = {
    "cut": Cut(),
    "cut after an event": Cut(after=1),
    "410": GONE,
    "an error": WATCH_BROKEN,
    "half a line": WATCH_GARBLED,
    "silent": Silent(),
    "429": TOO_MANY,
    "503": UNAVAILABLE,
    "a page under 200": Page(200),
    "a page under 404": Page(404),
}


@pytest.fixture
async def proxy(connection: Connection) -> AsyncIterator[ApiProxy]:
    async with ApiProxy(connection) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator waits for, in tenths of its usual times."""
    monkeypatch.setattr(cluster_module, "REQUEST_SECONDS", 2.0)
    monkeypatch.setattr(queue, "FIRST_BACKOFF", 0.05)
    monkeypatch.setattr(queue, "LONGEST_BACKOFF", 2.0)
    monkeypatch.setattr(reflector, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(reflector, "LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(reflector, "SILENCE_SECONDS", 2.0)


Start = Callable[..., "contextlib.AbstractAsyncContextManager[Operator]"]


@pytest.fixture
def start(proxy: ApiProxy, namespace: str) -> Start:
    """The operator behind the proxy, for the test's namespace alone."""

    @contextlib.asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Operator]:
        stop = asyncio.Event()
        async with Cluster(proxy.connection) as cluster:
            operator = Operator(cluster, Settings(watch_namespaces=(namespace,), progress_seconds=0, **settings))
            running = asyncio.create_task(operator.run(stop))
            await operator.synced.wait()
            try:
                yield operator
                assert not running.done(), running
            finally:
                stop.set()
                await running

    return start


class Once:
    """A fault for the first request that matches, and how often it came to that."""

    def __init__(self, fault: Fault, matches: Callable[[Call], bool], times: int = 1) -> None:
        self.left = times
        self._fault, self._matches = fault, matches

    def __call__(self, call: Call) -> Fault | None:
        if self.left and self._matches(call):
            self.left -= 1
            return self._fault
        return None


def writes(plural: str) -> Callable[[Call], bool]:
    return lambda call: call.write and f"/{plural}" in call.path


async def told(operator: Operator, tenant: Manifest, **spec: Any) -> None:
    """Return when the operator knows that the tenant's spec is this one."""
    key = TenantKey(tenant["metadata"]["namespace"], tenant["metadata"]["name"])
    async with asyncio.timeout(20):
        while not spec.items() <= (operator.seen.tenant(key) or {}).get("spec", {}).items():  # noqa: ASYNC110 (a watch tells)
            await asyncio.sleep(0.01)


PLACES: dict[str, Callable[[Call], bool]] = {
    "creating the key": lambda call: call.method == "POST" and call.path.endswith("/secrets"),
    "applying a child": writes("services"),
    "applying the volume": writes("persistentvolumeclaims"),
    "telling the status": lambda call: call.write and call.path.endswith("/status"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_at_any_kind_of_write_is_made_up_for(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start, fault: str
) -> None:
    async with start():
        faults = {place: Once(FAULTS[fault], matches) for place, matches in PLACES.items()}
        proxy.rule = lambda call: next((met for once in faults.values() if (met := once(call))), None)
        tenant = await kube.observed(await kube.tenant(namespace))
        assert {place: once.left for place, once in faults.items()} == dict.fromkeys(PLACES, 0)
        told = condition_of(tenant, "Stalled")
        assert told is not None
        assert told["status"] == "False", told
    for kind in (DEPLOYMENT, SERVICE, NETWORK_POLICY, VOLUME_CLAIM):
        assert (await kube.get(kind, namespace, "customer1"))["metadata"].get("generation", 1) == 1
    assert list(await keys(kube, namespace)) == ["customer1-api-key"]


@pytest.mark.parametrize("fault", WATCH_FAULTS)
async def test_a_watch_that_goes_wrong_is_begun_anew(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start, fault: str
) -> None:
    mine = lambda call: call.watch and call.path.endswith((TENANT.plural, SERVICE.plural))  # noqa: E731
    proxy.rule = once = Once(WATCH_FAULTS[fault], mine, times=2)
    async with start():
        await kube.observed(await kube.tenant(namespace))
        before = await kube.get(SERVICE, namespace, "customer1")
        await kube.delete(SERVICE, namespace, "customer1")
        uid = before["metadata"]["uid"]
        await kube.until(SERVICE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid)
        assert once.left == 0


async def test_watches_that_end_at_once_are_not_begun_in_a_hurry(
    proxy: ApiProxy, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def mine(call: Call) -> bool:
        return call.watch and call.path.endswith(SERVICE.plural)

    proxy.rule = lambda call: Told(b"") if mine(call) else None

    def ended() -> list[float]:
        return [record.created for record in caplog.records if "the watch of services ended" in record.getMessage()]

    async with start(), asyncio.timeout(SECONDS):
        while len(ended()) < 4:  # noqa: ASYNC110 (the log tells)
            await asyncio.sleep(0.02)
    # The client asks once more where a connection that it had used before is closed: so the requests tell too much.
    pauses = [later - earlier for earlier, later in itertools.pairwise(ended())]
    assert all(pause >= reflector.FIRST_PAUSE * 0.5 * 2**number for number, pause in enumerate(pauses[:3])), pauses


async def test_what_is_deleted_while_a_watch_is_gone_is_noticed(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start
) -> None:
    """A watch that begins anew with a list tells of nothing that was deleted before."""
    async with start() as operator:
        await kube.observed(await kube.tenant(namespace))
        await operator.queue.settled()
        proxy.rule = lambda call: NOT_SENT if call.method == "GET" else None
        proxy.drop_all()
        before = await kube.get(SERVICE, namespace, "customer1")
        await kube.delete(SERVICE, namespace, "customer1")
        proxy.rule = Once(GONE, lambda call: call.watch, times=20)
        uid = before["metadata"]["uid"]
        await kube.until(SERVICE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid)


async def test_a_tenant_deleted_while_nobody_watched_is_parted_from_as_its_policy_says(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start
) -> None:
    async with start() as operator:
        tenant = await kube.observed(await kube.tenant(namespace))
        # It knows of the policy, and has not come to act on it.
        proxy.rule = lambda call: UNAVAILABLE if call.write else None
        await kube.change(namespace, deletionPolicy="Delete")
        await told(operator, tenant, deletionPolicy="Delete")
        proxy.rule = lambda call: NOT_SENT
        proxy.drop_all()
        await kube.delete(TENANT, namespace, "customer1")
        proxy.rule = Once(GONE, lambda call: call.watch, times=20)
        await kube.until_gone(VOLUME_CLAIM, namespace, "customer1")


async def test_what_goes_with_its_tenant_in_the_middle_of_a_look_is_not_made_again(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "REQUEST_SECONDS", COLLECTION_SECONDS)  # so long a request may be held
    async with start() as operator:
        # The garbage collector learns of new kinds of owners every half minute: here it shows that it knows ours.
        await kube.observed(await kube.tenant(namespace, "earlier"))
        await kube.delete(TENANT, namespace, "earlier")
        await kube.until_gone(NETWORK_POLICY, namespace, "earlier")
        await kube.observed(await kube.tenant(namespace))
        await operator.queue.settled()
        held = Held(asyncio.Event(), asyncio.Event())
        proxy.rule = Once(held, writes("serviceaccounts"))
        await kube.merge(SERVICE_ACCOUNT, namespace, "customer1", {"automountServiceAccountToken": True})
        await held.reached.wait()
        await kube.delete(TENANT, namespace, "customer1")
        for kind in (DEPLOYMENT, SERVICE, NETWORK_POLICY):
            await kube.until_gone(kind, namespace, "customer1")
            await known_gone(operator, kind, namespace)
        proxy.calls.clear()
        held.release.set()
        await operator.queue.settled()
        made = [str(call) for _, call in proxy.calls if call.write and f"/{namespace}/events" not in call.path]
        assert [one for one in made if not one.endswith("/status")] == []
    told = [event["message"] for event in await kube.list(EVENT, namespace) if event["reason"] == "Repaired"]
    assert [one for one in told if "ServiceAccount" not in one] == []


async def known_gone(operator: Operator, kind: Kind, namespace: str) -> None:
    async with asyncio.timeout(SECONDS):
        while operator.seen.has(kind, TenantKey(namespace, "customer1")):  # noqa: ASYNC110 (a watch tells)
            await asyncio.sleep(0.01)


async def test_retry_after_is_heeded_within_the_request(kube: Kube, proxy: ApiProxy, namespace: str) -> None:
    async with Cluster(proxy.connection) as cluster:
        proxy.rule = Once(TOO_MANY, lambda call: True)
        await cluster.list(SERVICE, namespace)
    (first, _), (second, _) = proxy.calls
    assert second - first >= 1


async def test_a_retry_after_beyond_the_requests_time_is_told_to_who_asked(proxy: ApiProxy, namespace: str) -> None:
    async with Cluster(proxy.connection) as cluster:
        proxy.rule = lambda call: Answer(429, "TooManyRequests", retry_after=60)
        with pytest.raises(ApiError) as refused:
            await cluster.list(SERVICE, namespace)
    assert (refused.value.status, refused.value.retry_after, len(proxy.calls)) == (429, 60, 1)


async def test_a_tenant_waits_as_long_as_the_api_server_asks() -> None:
    asked: list[float] = []
    twice = asyncio.Event()

    async def look(_: TenantKey) -> None:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) == 1:
            raise ApiError(429, "TooManyRequests", "later", retry_after=0.5)
        twice.set()

    tenants = queue.TenantQueue(look, workers=1)
    tenants.start()
    tenants.mark(TenantKey("customers", "customer1"))
    await twice.wait()
    await tenants.stop(seconds=1)
    assert asked[1] - asked[0] >= 0.5


@pytest.mark.parametrize("page", [Page(200), Page(404), Page(409), Page(403)])
async def test_what_a_load_balancer_says_is_no_word_about_an_object(
    proxy: ApiProxy, namespace: str, page: Page
) -> None:
    async with Cluster(proxy.connection) as cluster:
        proxy.rule = lambda call: page
        with pytest.raises(Unreadable):
            await cluster.get(SERVICE, namespace, "customer1")
        with pytest.raises(Unreadable):
            await cluster.served([HTTP_ROUTE])
        proxy.rule = lambda call: None
        with pytest.raises(NotFound):
            await cluster.get(SERVICE, namespace, "customer1")
        assert await cluster.served([HTTP_ROUTE]) == frozenset()


async def test_one_tenant_that_always_fails_delays_no_other(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start
) -> None:
    proxy.rule = lambda call: BROKEN if call.write and "/poisoned" in call.path else None
    async with start(workers=1):
        await kube.tenant(namespace, "poisoned")
        await kube.observed(await kube.tenant(namespace, "sound"))
        asked = proxy.count(lambda call: call.write and "/poisoned" in call.path)
    # It waits longer each time: what a second of a healthy tenant's creation takes leaves room for no storm.
    assert 1 <= asked < 20


async def test_an_api_server_that_is_away_is_waited_for(
    kube: Kube, proxy: ApiProxy, namespace: str, start: Start
) -> None:
    async with start() as operator:
        await kube.observed(await kube.tenant(namespace))
        await operator.queue.settled()
        await proxy.away()
        await kube.delete(SERVICE, namespace, "customer1")
        await kube.change(namespace, rateLimit={"burst": 7})
        proxy.calls.clear()
        await proxy.back()
        await kube.until(SERVICE, namespace, "customer1", lambda found: found)
        await kube.observed(await kube.get(TENANT, namespace, "customer1"))
