"""Jobs: work in the background that outlives a restart of the service, and waiting for it."""

from __future__ import annotations

from collections.abc import Callable

from memorybank.call import Call, Pause, Steps, now, segment
from memorybank.decode import as_, page_of
from memorybank.errors import ConflictError, JobFailedError, JobUnfinishedError
from memorybank.records import Job, JobState
from memorybank.shapes import Pages

FIRST_LOOK, LONGEST_LOOK = 0.1, 5.0


def jobs(*, state: JobState | None = None, kind: str | None = None, page_size: int = 100) -> Pages[Job]:
    """The jobs, the newest first; what has succeeded is kept for a week. Needs the scope *admin*, as all about jobs."""
    query = {"state": state, "kind": kind, "limit": page_size}
    return Pages(lambda cursor: Call("GET", "/v1/jobs", page_of(Job), query={**query, "cursor": cursor}))


def job(job_id: str) -> Call[Job]:
    """One job as it stands."""
    return Call("GET", f"/v1/jobs/{segment(job_id)}", as_(Job))


def wait_for_job(
    job: str | Job, *, timeout: float | None = None, on_look: Callable[[Job], object] | None = None
) -> Steps[Job]:
    """Looks at a job, more and more seldom, until it has succeeded; returns it with its `result`.

    `on_look` is called with the job at each look, to show its `progress`. `JobFailedError` where it is given up or
    cancelled, `JobUnfinishedError` where it is not done within `timeout` seconds (None: however long it takes).
    """
    look = _look(job if isinstance(job, str) else job.id)
    began, pause = (yield from now()), FIRST_LOOK
    while True:
        found = yield from look
        if on_look is not None:
            on_look(found)
        if found.is_finished:
            break
        waited = (yield from now()) - began
        if timeout is not None and waited >= timeout:
            raise JobUnfinishedError(found, timeout)
        yield Pause(pause if timeout is None else min(pause, timeout - waited))
        pause = min(LONGEST_LOOK, 1.5 * pause)
    if found.state != "succeeded":
        raise JobFailedError(found)
    return found


def _look(job_id: str) -> Call[Job]:
    return job(job_id)


def retry_job(job_id: str) -> Steps[Job]:
    """Puts a job back that was given up or cancelled; `ConflictError` where it is neither."""
    return _change(job_id, "retry", frozenset({"queued", "running", "succeeded"}))


def cancel_job(job_id: str) -> Steps[Job]:
    """Ends a job that waits or runs, where it next looks up; `ConflictError` where it does neither."""
    return _change(job_id, "cancel", frozenset({"cancelled"}))


def _change(job_id: str, how: str, after_it: frozenset[str]) -> Steps[Job]:
    try:
        return (yield from Call("POST", f"/v1/jobs/{segment(job_id)}/{how}", as_(Job), writes=True))
    except ConflictError as error:
        if error.attempts == 1:
            raise
        # An attempt before may have done it, and only its answer was lost.
        found = yield from job(job_id)
        if found.state not in after_it:
            raise
        return found
