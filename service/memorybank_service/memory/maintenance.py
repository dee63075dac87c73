"""The store's maintenance, on its interval and on demand: one and the same work, told in a sentence."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.store import NOTHING_ALONG, Along, BrokenOffError, Job, JobEnd, NewJob, StoreError

log = logging.getLogger(__name__)
KIND = "maintenance"
Told = Callable[[str], Awaitable[None]]
"""Is told which step begins."""


async def _nobody(step: str) -> None:
    del step


def _nobody_asks(result: str, succeeded: bool) -> None:
    del result, succeeded


class Maintenance:
    def __init__(self, footing: Footing, jobs: Jobs, lane: str) -> None:
        self._on, self._jobs = footing, jobs
        self._lock = asyncio.Lock()
        self.ended: Callable[[str, bool], None] = _nobody_asks
        """Called with the outcome of what was asked for, and whether it succeeded."""
        jobs.register(KIND, lane, self._work, attempts=1)

    async def begin(self, along: Along = NOTHING_ALONG) -> Job:
        return await self._jobs.enqueue(NewJob(KIND, key=KIND), along)

    async def run(self, told: Told = _nobody) -> str:
        """A sentence about the outcome. Raises StoreError where the store is damaged, or the service ends."""
        async with self._lock:
            return await self._run(told)

    async def _work(self, under: Under) -> JobEnd:
        async def told(step: str) -> None:
            await under.progress(step=step)

        try:
            outcome = await self.run(told)
        except BrokenOffError:
            raise
        except StoreError as error:
            await self._note(f"failed: {error}", False)
            raise JobError(str(error), retryable=False) from error
        await self._note(outcome, True)
        return JobEnd(under.job.id, {"outcome": outcome})

    async def _note(self, result: str, succeeded: bool) -> None:
        """Where the scheduler looks: it need not be run again so soon."""
        ran = {"last_run": self._on.now(), "last_result": result}
        await self._on.note_down({f"job_{KIND}": json.dumps(ran)})
        self.ended(result, succeeded)

    async def _run(self, told: Told) -> str:
        upkeep, read = self._on.store.upkeep, self._on.read
        await told("check")
        await read(upkeep.check)
        await told("purge")
        purged = await read(upkeep.purge, self._on.now())
        await told("compact")
        await read(upkeep.optimise)
        freed = await read(upkeep.shrink)
        tidy = await read(upkeep.scrub) and await read(upkeep.fold)
        await told("index")
        rebuilding = await read(upkeep.rebuild_index)
        parts = [
            "checked",
            f"{freed / (1 << 20):.1f} MB given back" if freed else "nothing to give back",
            _count(purged.replies, "kept answer") + " and " + _count(purged.jobs, "ended job") + " removed",
        ]
        if purged.copies:
            parts.append(
                _count(purged.copies, "copy from before a migration", "copies from before a migration") + " removed"
            )
        if rebuilding:
            parts.append("the index is built anew")
        if not tidy:
            parts.append("the log could not be folded because of a long read")
        return ", ".join(parts)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
