"""Work in the background, as the tenant's administrator sees it."""

from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Limit, shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded, listing, single
from memorybank_service.http.openapi import problems
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import Problem, not_found
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.store import Along, Job, JobState

router = APIRouter(prefix="/jobs", tags=["jobs"], dependencies=[Depends(require("admin"))])


_EXAMPLE: dict[str, Any] = {
    "id": "5f0e8f0c-3a3b-4c7e-9b0e-2f6f2a9d1c11",
    "kind": "reembed",
    "state": "running",
    "user_id": None,
    "attempts": 1,
    "due": "2027-01-15T08:00:00.000Z",
    "progress": {"done": 300, "of": 1000},
    "result": None,
    "error": None,
    "created_at": "2027-01-15T08:00:00.000Z",
    "updated_at": "2027-01-15T08:00:30.000Z",
}


class JobAnswer(BaseModel):
    model_config = ConfigDict(
        title="Job",
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    id: str
    kind: str
    state: JobState = Field(description="`dead`: given up after its retries, until somebody asks for another.")
    user_id: str | None = Field(description="Whose data it works on, where it is somebody's in particular.")
    attempts: int
    due: str = Field(description="When it is tried, at the earliest.")
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None = Field(description="Of the last attempt, a sentence.")
    created_at: str
    updated_at: str


class JobsAnswer(BaseModel):
    model_config = shown_as(results=[_EXAMPLE], next_cursor=None)

    results: list[JobAnswer]
    next_cursor: str | None


class JobsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: JobState | None = None
    kind: str | None = Field(None, min_length=1, max_length=64)
    limit: Limit = 100
    cursor: str | None = Field(
        None,
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?_[0-9A-Za-z-]{1,64}$",
        description="`next_cursor` of the page before.",
    )


@router.get("", operation_id="list_jobs", response_model=JobsAnswer, responses=problems(422))
async def list_jobs(query: Annotated[JobsQuery, Query()], bank: Bank) -> Response:
    """The newest first. What has succeeded is kept for a week."""
    page = await bank.jobs.page(query.state, query.kind, query.limit, query.cursor)
    return await listing(page.jobs, job_json, next_cursor=page.next_cursor)


@router.get("/{job_id}", operation_id="get_job", response_model=JobAnswer, responses=problems(404, 422))
async def get_job(job_id: PathId, bank: Bank) -> Response:
    return single(job_json(await found_job(bank, job_id)))


@router.post(
    "/{job_id}/retry",
    operation_id="retry_job",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(404, 409, 413, 422, 507),
)
async def retry_job(job_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    """Puts a dead or cancelled job back into the queue."""

    async def retry(along: Along) -> Job:
        queued = await bank.jobs.retry(job_id, along)
        return queued or await _unchanged(bank, job_id, "dead or cancelled one can be tried again")

    return await once(bank, retry, told_job, status=202)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancel_job",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(404, 409, 413, 422, 507),
)
async def cancel_job(job_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    """One that runs stops where it next looks up."""

    async def cancel(along: Along) -> Job:
        cancelled = await bank.jobs.cancel(job_id, along)
        return cancelled or await _unchanged(bank, job_id, "queued or running one can be cancelled")

    return await once(bank, cancel, told_job, status=202)


def job_json(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "user_id": job.user_id or None,
        "attempts": job.attempts,
        "due": rfc3339(job.due),
        "progress": job.progress,
        "result": job.result,
        "error": job.error,
        "created_at": rfc3339(job.created_at),
        "updated_at": rfc3339(job.updated_at),
    }


def told_job(job: Job) -> str:
    """The answer to what began a job, or changed one."""
    return encoded(job_json(job))


async def found_job(bank: MemoryBank, job_id: str) -> Job:
    """Raises Problem 404."""
    job = await bank.jobs.get(job_id)
    if job is None:
        raise not_found("job", job_id)
    return job


async def _unchanged(bank: MemoryBank, job_id: str, possible: str) -> NoReturn:
    """Raises Problem 404, 409."""
    job = await found_job(bank, job_id)
    waits = job.state in ("dead", "cancelled") and "tried" in possible
    reason = "another of its kind waits already" if waits else f"only a {possible}"
    raise Problem(409, "conflict", f"The job is {job.state}; {reason}.")
