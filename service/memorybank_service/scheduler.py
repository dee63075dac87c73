"""Work that comes round: the forgetting run and the store's maintenance.

When each last ran is on record, so a pod that restarts every night still does what is due once a week.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from memorybank_service.clock import SECONDS_PER_HOUR
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.forgetting import ForgettingResult
from memorybank_service.settings import Settings
from memorybank_service.store import BrokenOffError, StoreError

log = logging.getLogger(__name__)
TICK_SECONDS = 30.0

JobEnded = Callable[[str, bool], None]


@dataclass
class Job:
    id: str
    name: str
    interval_hours: float
    work: Callable[[], Awaitable[str]]
    """Returns a sentence about what it did."""
    since: float
    """When it was first known; its first run is an interval later."""
    last_run: float | None = None
    last_result: str | None = None

    @property
    def next_run(self) -> float:
        return (self.since if self.last_run is None else self.last_run) + self.interval_hours * SECONDS_PER_HOUR

    @property
    def trigger(self) -> str:
        return f"every {self.interval_hours:g} hours"


class Scheduler:
    """Runs what is due, one job at a time."""

    def __init__(self, bank: MemoryBank, settings: Settings, job_ended: JobEnded) -> None:
        self._bank, self._job_ended = bank, job_ended
        self._lock = asyncio.Lock()
        self.running = False
        self._forgetting_result = ForgettingResult(0, 0)
        self.jobs: Sequence[Job] = (
            self._job("forgetting", "Forgetting curve", settings.forgetting.interval_hours, self._forget),
            self._job("maintenance", "Store maintenance", settings.maintenance_interval_hours, bank.maintain),
            *([] if bank.model is None else [self._job("summaries", "Summaries", 1.0, bank.summing_up.enqueue_due)]),
        )
        bank.maintenance.ended = self._maintained

    @property
    def next_forgetting(self) -> float:
        """When the forgetting runs next, by itself: what is due in the past runs now."""
        return max(self.jobs[0].next_run, self._bank.now())

    async def load(self) -> None:
        """Takes up when each job ran last, or was first known: restarts do not put off its first run either."""
        for job in self.jobs:
            if (note := await self._bank.footing.note(f"job_{job.id}")) is not None:
                recorded = json.loads(note)
                job.last_run, job.last_result = recorded["last_run"], recorded["last_result"]
            elif (since := await self._bank.footing.note(f"job_{job.id}_since")) is not None:
                job.since = float(since)
            else:
                await self._bank.footing.note_down({f"job_{job.id}_since": repr(job.since)})

    async def run_for_ever(self) -> None:
        """Until it is cancelled."""
        self.running = True
        try:
            while True:
                await self._bank.beat()
                await self.run_due()
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self.running = False

    async def run_due(self) -> None:
        for job in self.jobs:
            if self._bank.now() >= job.next_run:
                try:
                    await self._run(job)
                except BrokenOffError:
                    log.info("a job was broken off by the end of the service", extra={"job": job.id})
                except StoreError:
                    log.exception("a job failed; it runs again when it is next due", extra={"job": job.id})

    async def run_forgetting(self) -> ForgettingResult:
        """Now, whether due or not. Raises StoreError."""
        await self._run(self.jobs[0])
        return self._forgetting_result

    async def _run(self, job: Job) -> None:
        async with self._lock:
            job.last_run = self._bank.now()
            succeeded = False
            try:
                job.last_result = await job.work()
                succeeded = True
            except StoreError as error:
                job.last_result = f"failed: {error}"
                raise
            finally:
                self._job_ended(job.id, succeeded)
            await self._bank.footing.write_notes(
                {f"job_{job.id}": json.dumps({"last_run": job.last_run, "last_result": job.last_result})}
            )
        log.info("a job ended", extra={"job": job.id, "result": job.last_result})

    async def _forget(self) -> str:
        result = self._forgetting_result = await self._bank.decay.run()
        return f"{result.faded} faded, {result.purged} purged"

    def _maintained(self, result: str, succeeded: bool) -> None:
        """On demand: it is on record already, and due an interval later."""
        job = self.jobs[1]
        job.last_run, job.last_result = self._bank.now(), result
        self._job_ended(job.id, succeeded)

    def _job(self, job_id: str, name: str, interval_hours: float, work: Callable[[], Awaitable[str]]) -> Job:
        return Job(job_id, name, interval_hours, work, self._bank.now())
