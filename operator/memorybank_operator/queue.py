"""Which tenant is looked at next.

Events only mark a tenant. A tenant is marked once however many events there were; it is never looked at by two workers
at a time; one that fails waits longer each time, alone. What is told of a tenant's objects just after it was looked at
is gathered for a moment: most of it are the steps of what that look has set going. News that can wait are gathered for
longer still.

A tenant whose requests hang would hold its worker, and a few of them all workers. So an attempt has a time limit, and a
tenant that ran out of it is tried again by a small share of the workers, which are more patient: the others stay free.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from memorybank_operator import logs
from memorybank_operator.answers import ApiError, Transient, why
from memorybank_operator.seen import TenantKey

logger = logging.getLogger(__name__)

Handle = Callable[[TenantKey], Awaitable[float | None]]
"""Looks at a tenant; answers after how many seconds to look again, None: only when something happens."""

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 120.0
PATIENCE_SECONDS = 10.0
"""A usual attempt takes milliseconds; this one hangs."""
REST_SECONDS = 0.2
LONGEST_ATTEMPT_SECONDS = 120.0
"""Also where time is given: many requests, each of which is answered late."""


class TenantQueue:
    """The tenants to look at, and the workers that do."""

    def __init__(self, handle: Handle, workers: int, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._handle = handle
        self._share = max(1, workers // 4)
        self._workers = max(1, workers - self._share)
        self._patience = patience_seconds
        self._ready: asyncio.Queue[TenantKey] = asyncio.Queue()
        self._troubled: asyncio.Queue[TenantKey] = asyncio.Queue()
        self._waiting: set[TenantKey] = set()
        self._running: set[TenantKey] = set()
        self._again: set[TenantKey] = set()
        self._later: dict[TenantKey, asyncio.TimerHandle] = {}
        self._due: dict[TenantKey, float] = {}
        """By when (as the loop counts) to look again at a tenant that is being looked at."""
        self._failures: dict[TenantKey, int] = {}
        self._late: set[TenantKey] = set()
        self._resting: dict[TenantKey, asyncio.TimerHandle] = {}
        self._stirred: set[TenantKey] = set()
        self._calm = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        lanes = [self._ready] * self._workers + [self._troubled] * self._share
        self._tasks = [asyncio.create_task(self._work(lane), name=f"worker {n}") for n, lane in enumerate(lanes)]

    def mark(self, key: TenantKey) -> None:
        """Look at this tenant as soon as a worker is free."""
        if self._stopping:
            return
        timer = self._later.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            (self._troubled if key in self._late else self._ready).put_nowait(key)

    def stir(self, key: TenantKey) -> None:
        """Look at this tenant soon: something was told of its objects."""
        if key in self._resting or key in self._running:
            self._stirred.add(key)
        else:
            self.mark(key)

    def within(self, key: TenantKey, seconds: float) -> None:
        """Look at this tenant in so many seconds at the latest: what was told of its objects can wait for more."""
        due = asyncio.get_running_loop().time() + seconds
        if key in self._running:
            self._due[key] = min(due, self._due.get(key, due))
        elif key not in self._waiting and not self._stopping:
            self._look_by(key, due)

    def _look_by(self, key: TenantKey, due: float) -> None:
        known = self._later.get(key)
        if known is not None and known.when() <= due:
            return
        if known is not None:
            known.cancel()
        self._later[key] = asyncio.get_running_loop().call_at(due, self.mark, key)

    async def settled(self) -> None:
        """Return when nothing is waiting or being worked on."""
        while True:
            for lane in (self._ready, self._troubled, self._ready):
                await lane.join()
            if not self._stirred:
                return
            self._calm.clear()
            await self._calm.wait()

    async def stop(self, seconds: float) -> None:
        """Let what is being worked on come to its end, for so long; then cancel it."""
        self._stopping = True
        for timer in (*self._later.values(), *self._resting.values()):
            timer.cancel()
        self._later.clear()
        self._resting.clear()
        self._stirred.clear()
        self._calm.set()
        for task in self._tasks:
            if not self._running:
                break
            await asyncio.wait([task], timeout=seconds / len(self._tasks))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, lane: asyncio.Queue[TenantKey]) -> None:
        limit = self._patience if lane is self._ready else LONGEST_ATTEMPT_SECONDS
        while not self._stopping:
            key = await lane.get()
            self._waiting.discard(key)
            self._stirred.discard(key)
            self._running.add(key)
            try:
                delay = await self._attempt(key, limit)
            finally:
                self._running.discard(key)
            due = self._due.pop(key, None)
            if key in self._again:
                self._again.discard(key)
                self.mark(key)
            elif not self._stopping:
                if delay is not None:
                    self._look_by(key, asyncio.get_running_loop().time() + delay)
                if due is not None:
                    self._look_by(key, due)
            self._rest(key)
            lane.task_done()

    def _rest(self, key: TenantKey) -> None:
        if self._stopping:
            return
        if timer := self._resting.pop(key, None):
            timer.cancel()
        self._resting[key] = asyncio.get_running_loop().call_later(REST_SECONDS, self._rested, key)

    def _rested(self, key: TenantKey) -> None:
        del self._resting[key]
        if key in self._stirred:
            self._stirred.discard(key)
            self.mark(key)
        if not self._stirred:
            self._calm.set()

    async def _attempt(self, key: TenantKey, limit: float) -> float | None:
        with logs.about(tenant=str(key), reason="Reconciling"):
            return await self._handled(key, limit)

    async def _handled(self, key: TenantKey, limit: float) -> float | None:
        try:
            async with asyncio.timeout(limit):
                delay = await self._handle(key)
        except Transient as error:
            delay = self._backoff(key)
            (self._late.add if isinstance(error, TimeoutError) else self._late.discard)(key)
            if isinstance(error, ApiError) and error.retry_after is not None:
                asked = min(error.retry_after, LONGEST_BACKOFF)
                delay = max(delay, asked * random.uniform(1.0, 1.25))  # noqa: S311 (spreads attempts, no secret)
            logger.warning(
                "the attempt failed and is repeated in %.1f s: %s", delay, why(error), extra={"reason": "AttemptFailed"}
            )
            return delay
        except Exception:
            # The boundary: one tenant's fault, even one of our own making, must not stop the others'.
            delay = self._backoff(key)
            logger.exception("the attempt failed by a fault of the operator", extra={"reason": "OperatorFault"})
            return delay
        self._failures.pop(key, None)
        self._late.discard(key)
        return delay

    def _backoff(self, key: TenantKey) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest: float = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(failures, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (spreads attempts, no secret)
