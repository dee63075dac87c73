"""Work in the background: done, tried again, given up, cancelled, taken up after a restart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest_asyncio

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import JobEnd, JobState, NewJob
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.manual_clock import ManualClock
from tests.service.waiting import until_so

Start = Callable[..., Awaitable[Jobs]]


@pytest_asyncio.fixture
async def start(tmp_path: Path, embedder: LocalEmbedder, clock: ManualClock) -> AsyncIterator[Start]:
    """Starts a queue on the test's folder whose kind `work` does what is given."""
    opened: list[tuple[Jobs, Footing]] = []

    async def start_one(work: Callable[[Under], Awaitable[JobEnd | None]], attempts: int = 3) -> Jobs:
        while opened:
            await end(*opened.pop())
        store = SqliteStore(tmp_path, embedder.name, embedder.dimension)
        footing = Footing(store, embedder, ForgettingSettings(24, 0.1, 168, 0), clock)
        jobs = Jobs(footing)
        jobs.register("work", "lane", work, attempts)
        opened.append((jobs, footing))
        jobs.start()
        return jobs

    yield start_one
    for jobs, footing in opened:
        await end(jobs, footing)


async def end(jobs: Jobs, footing: Footing) -> None:
    await jobs.stop()
    await asyncio.to_thread(footing.close)


async def in_state(jobs: Jobs, job_id: str, state: JobState) -> bool:
    job = await jobs.get(job_id)
    return job is not None and job.state == state


async def until_state(jobs: Jobs, job_id: str, state: JobState) -> None:
    await until_so(lambda: in_state(jobs, job_id, state))


async def test_a_job_is_done_and_its_result_is_kept(start: Start) -> None:
    async def work(under: Under) -> JobEnd:
        return JobEnd(under.job.id, {"doubled": 2 * int(str(under.job.arguments["number"]))})

    jobs = await start(work)
    job = await jobs.enqueue(NewJob("work", {"number": 21}))
    await until_state(jobs, job.id, "succeeded")
    done = await jobs.get(job.id)
    assert done is not None
    assert done.result == {"doubled": 42}


async def test_a_job_that_fails_is_tried_again_later_and_later_and_then_given_up(
    start: Start, clock: ManualClock
) -> None:
    pauses: list[float] = []

    async def work(under: Under) -> JobEnd:
        raise JobError("the provider is down")

    jobs = await start(work, attempts=3)
    job = await jobs.enqueue(NewJob("work"))
    for attempt in (1, 2):

        async def put_off(attempt: int = attempt) -> bool:
            waiting = await jobs.get(job.id)
            return waiting is not None and (waiting.attempts, waiting.state) == (attempt, "queued")

        await until_so(put_off)
        current = await jobs.get(job.id)
        assert current is not None
        pauses.append(current.due - clock())
        clock.now = current.due
        jobs.notice()
    await until_state(jobs, job.id, "dead")
    assert 1.5 <= pauses[0] <= 2.5
    assert 3.0 <= pauses[1] <= 5.0
    [dead] = await jobs.listed(state="dead")
    assert dead.error == "the provider is down"


async def test_what_cannot_succeed_is_given_up_at_once_and_can_be_tried_again(start: Start) -> None:
    refusals = iter([JobError("the key was rejected", retryable=False)])

    async def work(under: Under) -> JobEnd:
        if (error := next(refusals, None)) is not None:
            raise error
        return JobEnd(under.job.id, {})

    jobs = await start(work)
    job = await jobs.enqueue(NewJob("work"))
    await until_state(jobs, job.id, "dead")
    assert await jobs.retry(job.id)
    await until_state(jobs, job.id, "succeeded")


async def test_a_fault_of_ours_in_one_job_does_not_end_the_lane(start: Start) -> None:
    async def work(under: Under) -> JobEnd:
        if under.job.arguments.get("broken"):
            raise KeyError("a fault")
        return JobEnd(under.job.id, {})

    jobs = await start(work, attempts=1)
    broken = await jobs.enqueue(NewJob("work", {"broken": True}))
    sound = await jobs.enqueue(NewJob("work"))
    await until_state(jobs, sound.id, "succeeded")
    assert await in_state(jobs, broken.id, "dead")


async def test_a_cancelled_job_ends_where_it_next_tells_its_progress(start: Start) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(under: Under) -> JobEnd:
        await under.progress(done=1)
        begun.set()
        await go_on.wait()
        await under.progress(done=2)
        return JobEnd(under.job.id, {})

    jobs = await start(work)
    job = await jobs.enqueue(NewJob("work"))
    await begun.wait()
    assert await jobs.cancel(job.id)
    go_on.set()
    following = await jobs.enqueue(NewJob("work"))
    await until_state(jobs, following.id, "succeeded")
    cancelled = await jobs.get(job.id)
    assert cancelled is not None
    assert (cancelled.state, cancelled.progress) == ("cancelled", {"done": 1})


async def test_what_was_under_way_goes_on_after_a_restart(start: Start) -> None:
    begun = asyncio.Event()

    async def hangs(under: Under) -> JobEnd:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def works(under: Under) -> JobEnd:
        return JobEnd(under.job.id, {"attempt": under.job.attempts})

    jobs = await start(hangs)
    job = await jobs.enqueue(NewJob("work"))
    await begun.wait()
    restarted = await start(works)
    await until_state(restarted, job.id, "succeeded")
    done = await restarted.get(job.id)
    assert done is not None
    assert done.result == {"attempt": 2}
