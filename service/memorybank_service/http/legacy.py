"""The API that MemoryBank clients already speak, at the root and with verbs in its paths."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.degraded import degraded_header, may_be_degraded
from memorybank_service.http.fields import MemoryId, Metadata, MetadataFilter, Text, TopK, shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.openapi import problems
from memorybank_service.http.problems import not_found
from memorybank_service.memory.forgetting import ForgettingResult
from memorybank_service.memory.keeping import Draft, Stored
from memorybank_service.memory.recalling import Recollection, Search
from memorybank_service.scheduler import Job
from memorybank_service.store import NO_USER, Along, Memory, Scope
from memorybank_service.store.filters import all_equal

router = APIRouter(tags=["MemoryBank"])
_IDS = {"user_id", "session_id"}


class StoreRequest(BaseModel):
    content: Text = Field(examples=["Ada's favourite tea is lapsang souchong."])
    metadata: Metadata | None = Field(None, examples=[{"user_id": "ada", "category": "taste", "tags": ["tea"]}])


class StoreAnswer(BaseModel):
    model_config = shown_as(memory_id="0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e", status="stored")

    memory_id: str
    status: str = "stored"


class RetrieveRequest(BaseModel):
    query: Text = Field(examples=["What does Ada like to drink?"])
    top_k: TopK = 3
    metadata: MetadataFilter | None = Field(None, examples=[{"user_id": "ada"}])


class RetrievedMemory(BaseModel):
    memory_id: str
    content: str
    timestamp: str
    score: float
    metadata: dict[str, Any]
    importance: float
    access_count: int


class RetrieveAnswer(BaseModel):
    model_config = shown_as(
        memories=[
            {
                "memory_id": "0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e",
                "content": "Ada's favourite tea is lapsang souchong.",
                "timestamp": "2027-01-15T08:00:00.000Z",
                "score": 1.42,
                "metadata": {"user_id": "ada", "category": "taste", "tags": ["tea"]},
                "importance": 0.5,
                "access_count": 2,
            }
        ]
    )

    memories: list[RetrievedMemory]


class ForgetRequest(BaseModel):
    memory_id: MemoryId = Field(examples=["0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e"])


class ForgetAnswer(BaseModel):
    model_config = shown_as(status="deleted", memory_id="0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e")

    status: str = "deleted"
    memory_id: str


class StatsAnswer(BaseModel):
    model_config = shown_as(
        tenant_id="customer1",
        total_memories=9722,
        active_memories=9410,
        faded_memories=312,
        expired_memories=0,
        avg_importance=0.5,
        oldest_memory="2023-05-08T13:56:00.000Z",
        newest_memory="2027-01-15T08:00:00.000Z",
        embedding_provider="local",
        embedding_model="all-MiniLM-L6-v2",
        store_bytes=48_234_496,
    )

    tenant_id: str
    total_memories: int
    active_memories: int
    faded_memories: int
    expired_memories: int
    avg_importance: float | None
    oldest_memory: str | None
    newest_memory: str | None
    embedding_provider: str = Field(description="What the memories are embedded with, whatever is configured.")
    embedding_model: str
    store_bytes: int


class JobAnswer(BaseModel):
    id: str
    name: str
    next_run: str
    trigger: str
    last_run: str | None
    last_result: str | None


class SchedulerAnswer(BaseModel):
    model_config = shown_as(
        status="running",
        jobs=[
            {
                "id": "forgetting",
                "name": "Forgetting curve",
                "next_run": "2027-01-16T08:00:00.000Z",
                "trigger": "every 24 hours",
                "last_run": "2027-01-15T08:00:00.000Z",
                "last_result": "3 faded, 0 purged",
            }
        ],
    )

    status: str
    jobs: list[JobAnswer]


class ForgettingAnswer(BaseModel):
    model_config = shown_as(status="completed", timestamp="2027-01-15T08:00:00.000Z", faded=3, purged=0)

    status: str = "completed"
    timestamp: str
    faded: int
    purged: int


@router.post(
    "/store_memory",
    operation_id="store_memory",
    responses=problems(400, 409, 413, 415, 422, 507),
    dependencies=[Depends(require("write"))],
    response_model=StoreAnswer,
)
async def store_memory(body: StoreRequest, bank: Bank, once: OnceOnly) -> Response:
    """Answers when the memory is on disk; the next search finds it."""
    given = body.metadata or {}
    draft = Draft(
        content=body.content,
        user_id=given.get("user_id") or NO_USER,
        run_id=given.get("session_id"),
        metadata=user_metadata(given),
    )

    def answer(stored: Sequence[Stored]) -> str:
        return StoreAnswer(memory_id=stored[0].kept.memory.id).model_dump_json()

    return await once(bank, lambda along: bank.memories.add([draft], along), answer)


@router.post(
    "/retrieve_memory",
    operation_id="retrieve_memory",
    responses=problems(400, 413, 415, 422) | may_be_degraded(),
    dependencies=[Depends(require("read"))],
)
async def retrieve_memory(
    body: RetrieveRequest, bank: Bank, background: BackgroundTasks, response: Response
) -> RetrieveAnswer:
    """The best memories, of one user if `metadata.user_id` is given; recalled ones become stronger."""
    wanted = dict(body.metadata or {})
    user_id, run_id = wanted.pop("user_id", None), wanted.pop("session_id", None)
    asked = Search(body.query, Scope(user_id, run_id=run_id), body.top_k, all_equal(wanted) if wanted else None)
    found = await bank.recall.search(asked)
    background.add_task(bank.recall.record_recalls, found.recollections)
    response.headers.update(degraded_header(found.degraded))
    return RetrieveAnswer(memories=[retrieved(recollection) for recollection in found.recollections])


@router.post(
    "/forget_memory",
    operation_id="forget_memory",
    responses=problems(400, 404, 409, 413, 415, 422),
    dependencies=[Depends(require("write"))],
    response_model=ForgetAnswer,
)
async def forget_memory(body: ForgetRequest, bank: Bank, once: OnceOnly) -> Response:
    """For good; the facts that were drawn from it alone go with it."""

    def answer(deleted: int) -> str:
        if not deleted:
            raise not_found("memory", body.memory_id)
        return ForgetAnswer(memory_id=body.memory_id).model_dump_json()

    return await once(bank, lambda along: bank.memories.delete([body.memory_id], along), answer)


@router.get("/memory_stats", operation_id="memory_stats", responses=problems(), dependencies=[Depends(require("read"))])
async def memory_stats(request: Request, bank: Bank) -> StatsAnswer:
    totals, census = await bank.totals(), await bank.decay.census()
    provider, _, model = bank.footing.store.space.partition("/")
    return StatsAnswer(
        tenant_id=tenant_of(request).settings.tenant_id,
        total_memories=totals.memories,
        active_memories=census.active,
        faded_memories=census.faded,
        expired_memories=census.expired,
        avg_importance=totals.average_importance,
        oldest_memory=_time(totals.oldest),
        newest_memory=_time(totals.newest),
        embedding_provider=provider,
        embedding_model=model,
        store_bytes=await bank.size_bytes(),
    )


@router.get(
    "/scheduler_status", operation_id="scheduler_status", responses=problems(), dependencies=[Depends(require("read"))]
)
async def scheduler_status(request: Request) -> SchedulerAnswer:
    scheduler = tenant_of(request).scheduler
    status = "running" if scheduler.running else "stopped"
    return SchedulerAnswer(status=status, jobs=[_job(job) for job in scheduler.jobs])


@router.post(
    "/run_forgetting_curve",
    operation_id="run_forgetting_curve",
    responses=problems(409, 413, 422, 507),
    dependencies=[Depends(require("admin"))],
    response_model=ForgettingAnswer,
)
async def run_forgetting_curve(request: Request, bank: Bank, once: OnceOnly) -> Response:
    """Records what has faded by now. Running it once or a thousand times comes to the same."""

    async def run(along: Along) -> ForgettingResult:
        return await bank.footing.replying(along, await tenant_of(request).scheduler.run_forgetting())

    def answer(result: ForgettingResult) -> str:
        now = rfc3339(bank.now())
        return ForgettingAnswer(timestamp=now, faded=result.faded, purged=result.purged).model_dump_json()

    return await once(bank, run, answer)


def retrieved(recollection: Recollection) -> RetrievedMemory:
    memory = recollection.memory
    return RetrievedMemory(
        memory_id=memory.id,
        content=memory.content,
        timestamp=rfc3339(memory.created_at),
        score=recollection.hit.score,
        metadata=_metadata(memory),
        importance=memory.importance,
        access_count=memory.recalls,
    )


def user_metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """Without the ids, which are kept apart."""
    return {name: value for name, value in given.items() if name not in _IDS}


def _metadata(memory: Memory) -> dict[str, object]:
    """As it was given: the ids that we keep apart come back among the rest."""
    ids = {"user_id": memory.user_id or None, "session_id": memory.run_id}
    return {**memory.metadata, **{name: value for name, value in ids.items() if value is not None}}


def _job(job: Job) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        name=job.name,
        next_run=rfc3339(job.next_run),
        trigger=job.trigger,
        last_run=_time(job.last_run),
        last_result=job.last_result,
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
