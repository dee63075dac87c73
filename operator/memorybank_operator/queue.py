"""Which tenant is looked at next.

Events only mark a tenant. A tenant is marked once however many events there were; it is never looked at by two workers
at a time; one that fails waits longer each time, alone.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from memorybank_operator import logs
from memorybank_operator.cluster import Transient
from memorybank_operator.seen import TenantKey

logger = logging.getLogger(__name__)

Handle = Callable[[TenantKey], Awaitable[float | None]]
"""Looks at a tenant; answers after how many seconds to look again, None: only when something happens."""

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 120.0


class TenantQueue:
    """The tenants to look at, and the workers that do."""

    def __init__(self, handle: Handle, workers: int) -> None:
        self._handle = handle
        self._workers = workers
        self._ready: asyncio.Queue[TenantKey] = asyncio.Queue()
        self._waiting: set[TenantKey] = set()
        self._running: set[TenantKey] = set()
        self._again: set[TenantKey] = set()
        self._later: dict[TenantKey, asyncio.TimerHandle] = {}
        self._failures: dict[TenantKey, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work(), name=f"worker {n}") for n in range(self._workers)]

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
            self._ready.put_nowait(key)

    async def settled(self) -> None:
        """Return when nothing is waiting or being worked on."""
        await self._ready.join()

    async def stop(self, seconds: float) -> None:
        """Let what is being worked on come to its end, for so long; then cancel it."""
        self._stopping = True
        for timer in self._later.values():
            timer.cancel()
        self._later.clear()
        for task in self._tasks:
            if not self._running:
                break
            await asyncio.wait([task], timeout=seconds / len(self._tasks))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while not self._stopping:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._running.add(key)
            try:
                delay = await self._attempt(key)
            finally:
                self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.mark(key)
            elif delay is not None and not self._stopping:
                self._later[key] = asyncio.get_running_loop().call_later(delay, self.mark, key)
            self._ready.task_done()

    async def _attempt(self, key: TenantKey) -> float | None:
        with logs.about(tenant=str(key), reason="Reconciling"):
            return await self._handled(key)

    async def _handled(self, key: TenantKey) -> float | None:
        try:
            delay = await self._handle(key)
        except Transient as error:
            delay = self._backoff(key)
            logger.warning(
                "the attempt failed and is repeated in %.1f s: %s", delay, error, extra={"reason": "AttemptFailed"}
            )
            return delay
        except Exception:
            # The boundary: one tenant's fault, even one of our own making, must not stop the others'.
            delay = self._backoff(key)
            logger.exception("the attempt failed by a fault of the operator", extra={"reason": "OperatorFault"})
            return delay
        self._failures.pop(key, None)
        return delay

    def _backoff(self, key: TenantKey) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest: float = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(failures, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (spreads attempts, no secret)
