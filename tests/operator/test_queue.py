"""The queue of tenants: each waits for itself alone, and a poisoned one delays nobody."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator

import pytest

from memorybank_operator import queue
from memorybank_operator.answers import ApiError
from memorybank_operator.queue import Handle, TenantQueue
from memorybank_operator.seen import TenantKey

SECONDS = 5


def key(name: str) -> TenantKey:
    return TenantKey("customers", name)


@contextlib.asynccontextmanager
async def working(handle: Handle, workers: int = 4, patience_seconds: float = 0.05) -> AsyncIterator[TenantQueue]:
    tenants = TenantQueue(handle, workers, patience_seconds)
    tenants.start()
    try:
        async with asyncio.timeout(SECONDS):
            yield tenants
    finally:
        await tenants.stop(seconds=0.01)


async def test_tenants_whose_requests_hang_delay_no_other() -> None:
    hang, looked_at = asyncio.Event(), asyncio.Semaphore(0)

    async def handle(tenant: TenantKey) -> float | None:
        if tenant.name.startswith("hangs"):
            await hang.wait()
        looked_at.release()
        return None

    async with working(handle) as tenants:
        for number in range(20):
            tenants.mark(key(f"hangs{number}"))
        for round_ in range(3):
            for number in range(5):
                tenants.mark(key(f"sound{number}-{round_}"))
            for _ in range(5):
                await looked_at.acquire()


async def test_hanging_tenants_that_are_marked_again_stay_in_their_share_of_the_workers() -> None:
    hang, running, most = asyncio.Event(), set[TenantKey](), [0]
    tried, first = asyncio.Semaphore(0), set[TenantKey]()

    async def handle(tenant: TenantKey) -> float | None:
        if tenant not in first:
            first.add(tenant)
            tried.release()
            raise TimeoutError
        running.add(tenant)
        most[0] = max(most[0], len(running))
        await hang.wait()
        return None

    async with working(handle, workers=8) as tenants:
        names = [key(f"hangs{number}") for number in range(12)]
        for name in names:
            tenants.mark(name)
        for _ in names:
            await tried.acquire()
        await tenants.settled()
        for name in names:
            tenants.mark(name)
        await asyncio.sleep(0.1)
        assert most == [2]


async def test_a_tenant_that_always_fails_is_tried_again_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    tries, others = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def handle(tenant: TenantKey) -> float | None:
        if tenant.name == "poisoned":
            tries.release()
            raise KeyError("a fault of our own")
        others.release()
        return None

    async with working(handle, workers=1) as tenants:
        tenants.mark(key("poisoned"))
        await tries.acquire()
        for number in range(10):
            tenants.mark(key(f"sound{number}"))
            await others.acquire()
        await tries.acquire()
    assert any(record.levelno == logging.ERROR for record in caplog.records)


async def test_a_tenant_that_fails_at_once_does_not_wait_behind_those_that_hang() -> None:
    hang, tries = asyncio.Event(), asyncio.Semaphore(0)

    async def handle(tenant: TenantKey) -> float | None:
        if tenant.name.startswith("hangs"):
            await hang.wait()
        tries.release()
        raise ApiError(409, "", "changed meanwhile")

    async with working(handle) as tenants:
        for number in range(8):
            tenants.mark(key(f"hangs{number}"))
        tenants.mark(key("unlucky"))
        for _ in range(3):
            await tries.acquire()


async def test_a_tenant_that_recovered_is_served_like_the_others_again() -> None:
    outcomes: list[type[Exception] | None] = [TimeoutError, None]
    seen = asyncio.Semaphore(0)

    async def handle(tenant: TenantKey) -> float | None:
        outcome = outcomes.pop(0) if outcomes else None
        if outcome is not None:
            raise outcome
        seen.release()
        return None

    async with working(handle) as tenants:
        tenants.mark(key("customer1"))
        await seen.acquire()
        await tenants.settled()
        tenants.mark(key("customer1"))
        assert tenants._ready.qsize() == 1
        await seen.acquire()


async def test_a_tenant_is_never_looked_at_by_two_workers_and_misses_no_mark() -> None:
    gate, started, looks = asyncio.Event(), asyncio.Semaphore(0), [0, 0]

    async def handle(tenant: TenantKey) -> float | None:
        looks[0] += 1
        looks[1] = max(looks[1], looks[0])
        started.release()
        await gate.wait()
        looks[0] -= 1
        return None

    async with working(handle, patience_seconds=SECONDS) as tenants:
        tenants.mark(key("customer1"))
        await started.acquire()
        for _ in range(3):
            tenants.mark(key("customer1"))
        gate.set()
        await started.acquire()
        await tenants.settled()
        assert looks == [0, 1]
        assert started.locked()


def test_a_failing_tenant_waits_longer_each_time_up_to_a_bound_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    tenants = TenantQueue(_nothing, 1)
    waits = [tenants._backoff(key("poisoned")) for _ in range(12)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == queue.LONGEST_BACKOFF
    assert tenants._backoff(key("another")) == 0.5


def test_attempts_that_failed_together_are_not_repeated_together() -> None:
    tenants = TenantQueue(_nothing, 1)
    waits = [tenants._backoff(key(f"customer{number}")) for number in range(50)]
    assert len(set(waits)) > 40
    assert all(0.25 <= wait <= 0.5 for wait in waits)


async def test_what_is_stopped_ends_what_it_can_in_the_time_it_has() -> None:
    ended, started = asyncio.Event(), asyncio.Semaphore(0)

    async def handle(tenant: TenantKey) -> float | None:
        started.release()
        if tenant.name == "hangs":
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        ended.set()
        return None

    tenants = TenantQueue(handle, 8)
    tenants.start()
    tenants.mark(key("hangs"))
    tenants.mark(key("customer1"))
    for _ in range(2):
        await started.acquire()
    async with asyncio.timeout(SECONDS):
        await tenants.stop(seconds=0.5)
    assert ended.is_set()


async def _nothing(tenant: TenantKey) -> float | None:
    raise ApiError(500, "", tenant.name)


async def test_what_is_told_just_after_a_look_is_gathered_into_one_more() -> None:
    looks: list[float] = []

    async def handle(tenant: TenantKey) -> float | None:
        looks.append(asyncio.get_running_loop().time())
        return None

    async with working(handle) as tenants:
        tenants.stir(key("customer1"))  # long after the last look: at once
        await tenants.settled()
        for _ in range(5):
            tenants.stir(key("customer1"))
            await asyncio.sleep(0.01)
        assert len(looks) == 1
        await tenants.settled()
        assert len(looks) == 2
        assert looks[1] - looks[0] >= queue.REST_SECONDS
        tenants.mark(key("customer1"))  # a wish of the tenant's user does not wait
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(looks) == 3


async def test_news_that_can_wait_are_looked_at_together_by_the_earliest_moment() -> None:
    looks: list[float] = []

    async def handle(_tenant: TenantKey) -> float | None:
        looks.append(asyncio.get_running_loop().time())
        if len(looks) == 1:
            tenants.within(key("customer1"), 0.1)  # told in the middle of a look
            tenants.within(key("customer1"), 60.0)
            return 60.0
        done.set()
        return None

    done = asyncio.Event()
    async with working(handle) as tenants:
        tenants.mark(key("customer1"))
        await tenants.settled()
        tenants.within(key("customer1"), 60.0)
        await done.wait()
        assert looks[1] - looks[0] >= 0.1
        await asyncio.sleep(0.3)
        assert len(looks) == 2


async def test_what_cannot_wait_comes_before_what_can() -> None:
    looks = 0

    async def handle(_tenant: TenantKey) -> float | None:
        nonlocal looks
        looks += 1
        return None

    async with working(handle) as tenants:
        tenants.within(key("customer1"), 0.1)
        tenants.mark(key("customer1"))
        await tenants.settled()
        assert looks == 1
        await asyncio.sleep(0.2)
        assert looks == 1
