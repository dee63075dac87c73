"""Work in the background that outlives a restart: tried again with growing pauses, given up and kept for a retry.

A kind of job belongs to a lane; a lane does one job at a time, so that hours of moving data never hold up what a
model is asked, nor the other way round.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from memorybank_service.memory.footing import Footing
from memorybank_service.memory.waking import woken
from memorybank_service.store import Along, BrokenOffError, Job, JobEnd, JobGoneError, JobState, NewJob, StoreError
from memorybank_service.store.records import NOTHING_ALONG

log = logging.getLogger(__name__)
ATTEMPTS = 8
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 3600.0
LOOK_AGAIN_SECONDS = 5.0


class JobError(Exception):
    """The job did not succeed; the message is a sentence without memory text. `retry_after` in seconds, if known.

    `counted`: it has used up an attempt. What is not is only put off, and told of as no failure.
    """

    def __init__(
        self, sentence: str, *, retryable: bool = True, retry_after: float | None = None, counted: bool = True
    ) -> None:
        super().__init__(sentence)
        self.retryable, self.retry_after, self.counted = retryable, retry_after, counted


class JobCancelledError(Exception):
    """Somebody cancelled the job while it ran."""


class Under:
    """A job under way, as its work sees it."""

    def __init__(self, footing: Footing, job: Job) -> None:
        self._on, self.job = footing, job

    async def progress(self, **figures: object) -> None:
        """Notes how far it is. Raises JobCancelledError where it has been cancelled."""
        current = await self._on.read(self._on.store.job, self.job.id)
        if current is None or current.state == "cancelled":
            raise JobCancelledError
        await asyncio.wrap_future(self._on.store.note_progress(self.job.id, figures, self._on.now()))


Work = Callable[[Under], Awaitable[JobEnd | None]]
"""Does the job; returns how it ended, or None where that was committed along with what it wrote."""


@dataclass(frozen=True)
class _Kind:
    lane: str
    work: Work
    attempts: int


@dataclass(frozen=True)
class JobPage:
    jobs: Sequence[Job]
    next_cursor: str | None


class Jobs:
    def __init__(self, footing: Footing) -> None:
        self._on = footing
        self._kinds: dict[str, _Kind] = {}
        self._lanes: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def register(self, kind: str, lane: str, work: Work, attempts: int = ATTEMPTS) -> None:
        """Before `start`."""
        self._kinds[kind] = _Kind(lane, work, attempts)
        self._lanes.setdefault(lane, asyncio.Event())

    def knows(self, kind: str) -> bool:
        """Whether there is anyone to do such a job."""
        return kind in self._kinds

    @property
    def kinds(self) -> Collection[str]:
        """Those that somebody does."""
        return self._kinds.keys()

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run(lane), name=f"jobs-{lane}") for lane in self._lanes]

    async def stop(self) -> None:
        """What is under way is broken off, and taken up again after the next start."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for error in results:
            if isinstance(error, Exception):
                raise error

    def notice(self) -> None:
        """There may be something to do now."""
        for wake in self._lanes.values():
            wake.set()

    async def enqueue(self, job: NewJob, along: Along = NOTHING_ALONG) -> Job:
        queued = await asyncio.wrap_future(self._on.store.enqueue(job, self._on.now(), along))
        self.notice()
        return queued

    async def get(self, job_id: str) -> Job | None:
        return await self._on.read(self._on.store.job, job_id)

    async def listed(self, state: JobState | None = None, kind: str | None = None, limit: int = 100) -> list[Job]:
        """The newest first."""
        return await self._on.read(self._on.store.jobs, state, kind, limit)

    async def counted(self) -> dict[tuple[str, JobState], int]:
        """By kind and state; what there is none of is left out."""
        return await self._on.read(self._on.store.count_jobs)

    async def page(
        self, state: JobState | None = None, kind: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> JobPage:
        """The newest first. Raises ValueError where the cursor is none."""
        after = None
        if cursor is not None:
            created_at, _, job_id = cursor.partition("_")
            after = float(created_at), job_id
        found = await self._on.read(self._on.store.jobs, state, kind, limit + 1, after)
        last = found[limit - 1] if len(found) > limit else None
        return JobPage(found[:limit], None if last is None else f"{last.created_at!r}_{last.id}")

    async def retry(self, job_id: str, along: Along = NOTHING_ALONG) -> Job | None:
        """Queued again; None where it was not dead or cancelled, or another one waits already."""
        queued = await asyncio.wrap_future(self._on.store.retry_job(job_id, self._on.now(), along))
        self.notice()
        return queued

    async def cancel(self, job_id: str, along: Along = NOTHING_ALONG) -> Job | None:
        """None where it was not queued or running."""
        return await asyncio.wrap_future(self._on.store.cancel_job(job_id, self._on.now(), along))

    async def _run(self, lane: str) -> None:
        kinds = frozenset(name for name, kind in self._kinds.items() if kind.lane == lane)
        wake = self._lanes[lane]
        while True:
            wake.clear()
            try:
                job = await asyncio.wrap_future(self._on.store.take_job(self._on.now(), kinds))
                if job is not None:
                    await self._do(job)
                    continue
            except StoreError as error:
                log.error("the queue of jobs has to wait for the store", extra={"lane": lane, "error": str(error)})
            await woken(wake, LOOK_AGAIN_SECONDS)

    async def _do(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        try:
            ended = await kind.work(Under(self._on, job))
            if ended is not None:
                await asyncio.wrap_future(self._on.store.end_job(ended, self._on.now()))
        except (JobCancelledError, JobGoneError):
            log.info("a job was cancelled", extra={"job": job.id, "kind": job.kind})
        except BrokenOffError:
            log.info("a job goes on after the next start", extra={"job": job.id, "kind": job.kind})
        except JobError as error:
            await self._failed(job, kind, error)
        except StoreError as error:
            await self._failed(job, kind, JobError(str(error)))
        except Exception as error:  # a fault of ours in one job must not end the lane, and is told in full
            log.exception("a job failed unexpectedly", extra={"job": job.id, "kind": job.kind})
            await self._failed(job, kind, JobError(f"an unexpected {type(error).__name__}; the log says more"))

    async def _failed(self, job: Job, kind: _Kind, error: JobError) -> None:
        now, store = self._on.now(), self._on.store
        facts: Mapping[str, object] = {"job": job.id, "kind": job.kind, "attempt": job.attempts, "error": str(error)}
        if not error.counted:
            pause = error.retry_after or FIRST_PAUSE_SECONDS
            log.info("a job is put off", extra={**facts, "seconds": round(pause, 1)})
            await asyncio.wrap_future(store.put_off_job(job.id, now + pause, str(error), now, counted=False))
            return
        if not error.retryable or job.attempts >= kind.attempts:
            log.error("a job is given up; POST /v1/jobs/ID/retry tries it again", extra=facts)
            await asyncio.wrap_future(store.give_up_job(job.id, str(error), now))
            return
        pause = max(_pause(job.attempts), error.retry_after or 0.0)
        log.warning("a job failed and is tried again", extra={**facts, "seconds": round(pause, 1)})
        await asyncio.wrap_future(store.put_off_job(job.id, now + pause, str(error), now))


def _pause(attempts: int) -> float:
    """Doubled with each attempt, and spread by a quarter, so that many do not come back at once."""
    seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1))
    return seconds * random.uniform(0.75, 1.25)  # noqa: S311 - no secret is made of it
