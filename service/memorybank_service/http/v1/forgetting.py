"""Running the forgetting, and seeing what it has in store."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank, scope_of, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Limit, Name, Strict, shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import listing
from memorybank_service.http.memory_json import EXAMPLE, MemoryAnswer, memory_json
from memorybank_service.http.openapi import problems
from memorybank_service.memory.forgetting import ForgettingResult
from memorybank_service.memory.outlook import Outlook
from memorybank_service.store import Along

router = APIRouter(prefix="/forgetting", tags=["forgetting"])


class RunRequest(Strict):
    model_config = ConfigDict(json_schema_extra={"examples": [{"dry_run": True}]})

    dry_run: bool = Field(False, description="Only say what it would come to.")


class RunAnswer(BaseModel):
    model_config = shown_as(status="completed", dry_run=False, timestamp="2027-01-15T08:00:00.000Z", faded=3, purged=0)

    status: str
    dry_run: bool
    timestamp: str
    faded: int = Field(description="Memories that are faded now.")
    purged: int = Field(description="Memories that this run deleted for good.")


_OUTLOOK: dict[str, Any] = EXAMPLE | {
    "retention": 0.5,
    "strength": 1,
    "threshold": 0.1,
    "fades_at": "2027-01-31T10:50:33.600Z",
    "fades_in_next_run": False,
    "purge_due": None,
    "purged_in_next_run": False,
    "reason": "retention 0.50 falls below the threshold 0.10 after 2027-01-31T10:50:33.600Z",
}


class OutlookAnswer(MemoryAnswer):
    """If nobody recalls it and the service goes on running."""

    model_config = ConfigDict(
        title="Outlook",
        json_schema_extra={"examples": [_OUTLOOK]},
    )

    retention: float = Field(description="What is left of it: e^(-t/S), from 1 down to 0.")
    strength: int = Field(description="S: 1, and 1 more for each recall that counted.")
    threshold: float = Field(description="Below this retention it is faded.")
    fades_at: str | None = Field(description="When its retention passes the threshold, or did; null: never.")
    fades_in_next_run: bool = Field(description="Whether the next run is the first to find it faded.")
    purge_due: str | None = Field(description="From when on a run deletes it for good; null: never, or not known yet.")
    purged_in_next_run: bool
    reason: str


class PreviewAnswer(BaseModel):
    model_config = shown_as(results=[_OUTLOOK], next_cursor=None, total=1, next_run="2027-01-16T08:00:00.000Z")

    results: list[OutlookAnswer]
    next_cursor: str | None
    total: int
    next_run: str


@router.post(
    "/run",
    operation_id="run_forgetting",
    dependencies=[Depends(require("admin"))],
    response_model=RunAnswer,
    responses=problems(400, 409, 413, 415, 422, 507),
)
async def run_forgetting(request: Request, bank: Bank, once: OnceOnly, body: RunRequest | None = None) -> Response:
    """Records what has faded by now, and deletes what is due. Once or a thousand times comes to the same."""
    dry_run = body is not None and body.dry_run

    async def run(along: Along) -> ForgettingResult:
        result = await (bank.decay.try_out() if dry_run else tenant_of(request).scheduler.run_forgetting())
        return await bank.footing.replying(along, result)

    def answer(result: ForgettingResult) -> str:
        run = RunAnswer(
            status="completed",
            dry_run=dry_run,
            timestamp=rfc3339(bank.now()),
            faded=result.faded,
            purged=result.purged,
        )
        return run.model_dump_json()

    return await once(bank, run, answer)


class PreviewQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Name | None = Field(
        None, description="Left out: the memories that have none. `*`: everyone's (scope admin)."
    )
    agent_id: Name | None = None
    run_id: Name | None = None
    session_id: Name | None = Field(None, description="Another name of `run_id`, which goes before it.")
    limit: Limit = 100
    cursor: str | None = Field(
        None, pattern=r"^[0-9]{1,18}\.[0-9]{1,18}$", description="`next_cursor` of the page before."
    )


@router.get(
    "/preview",
    operation_id="preview_forgetting",
    dependencies=[Depends(require("read"))],
    response_model=PreviewAnswer,
    responses=problems(422),
)
async def preview_forgetting(request: Request, query: Annotated[PreviewQuery, Query()], bank: Bank) -> Response:
    """What will fade, memory by memory, and why: what fades first first, what never fades last."""
    scope = scope_of(request, query.user_id, query.agent_id, query.run_id or query.session_id)
    next_run = tenant_of(request).scheduler.next_forgetting
    preview = await bank.decay.preview(scope, next_run, query.limit, query.cursor)
    threshold = bank.footing.forgetting.threshold

    def shown(outlook: Outlook) -> dict[str, Any]:
        return memory_json(outlook.kept) | {
            "retention": outlook.kept.retention,
            "strength": outlook.strength,
            "threshold": threshold,
            "fades_at": _time(outlook.fades_at),
            "fades_in_next_run": outlook.fades_in_next_run,
            "purge_due": _time(outlook.purge_due),
            "purged_in_next_run": outlook.purged_in_next_run,
            "reason": outlook.reason,
        }

    return await listing(
        preview.outlooks, shown, next_cursor=preview.next_cursor, total=preview.total, next_run=rfc3339(next_run)
    )


def _time(moment: float | None) -> str | None:
    return None if moment is None else rfc3339(moment)
