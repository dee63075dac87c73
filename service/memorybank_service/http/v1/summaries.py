"""What is known of a user as a whole: the portrait, the summaries of the days, and when there was something said."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Limit
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import listing, single
from memorybank_service.http.memory_json import MemoryAnswer, memory_json
from memorybank_service.http.openapi import problems
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import not_found
from memorybank_service.http.times import Day
from memorybank_service.http.v1.jobs import JobAnswer, told_job
from memorybank_service.memory.people import FACTS_OF_A_DAY, MOST_SOURCES, DayOfUser
from memorybank_service.store import Along, Job, KeptSummary
from memorybank_service.store.days import FIRST, LAST, day_before

router = APIRouter(prefix="/users/{user_id}", tags=["users"])
_READ, _WRITE = [Depends(require("read"))], [Depends(require("write"))]
_SHOWN = 200  # characters of what was said first on a day

_MADE: dict[str, Any] = {
    "text": "Ada has moved to Vienna and is glad about it.",
    "source_ids": ["m1", "m2"],
    "model": "openai/gpt-5.4-mini",
    "made_at": "2027-01-16T01:00:00.000Z",
}
_DAY: dict[str, Any] = {"day": "2027-01-15", "memories": 2, "summary": _MADE, "insight": None}


class MadeAnswer(BaseModel):
    """A text that a language model made."""

    text: str
    source_ids: list[str] = Field(
        description=f"Of the memories that were read for it, the latest {MOST_SOURCES}; it goes with any of them."
    )
    model: str
    made_at: str


class _Answer(BaseModel):
    user_id: str
    degraded: list[str] = Field(description="What keeps it from being made or renewed, each a sentence.")


class ProfileAnswer(_Answer):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "ada",
                    "portrait": _MADE,
                    "strategy": _MADE,
                    "summary": _MADE,
                    "memories": 212,
                    "facts": 40,
                    "first_seen": "2026-11-02T08:00:00.000Z",
                    "last_seen": "2027-01-15T21:30:00.000Z",
                    "degraded": [],
                }
            ]
        }
    )

    portrait: MadeAnswer | None
    strategy: MadeAnswer | None = Field(description="How to answer this user.")
    summary: MadeAnswer | None = Field(description="Of all days.")
    memories: int = Field(description="That were said, in whichever state.")
    facts: int = Field(description="That were drawn from them.")
    first_seen: str = Field(description="When the first of it was said.")
    last_seen: str


class DayAnswer(BaseModel):
    day: str = Field(description="In UTC, as `2027-01-15`.")
    memories: int = Field(description="That were said on it.")
    summary: MadeAnswer | None
    insight: MadeAnswer | None = Field(description="What the day shows of the user.")


class TimelineDay(DayAnswer):
    opening: str | None = Field(description="Of a day that is not summed up: how it began.")
    facts: list[MemoryAnswer] = Field(description=f"Learnt on it, the {FACTS_OF_A_DAY} most important.")


class _DaysAnswer(_Answer):
    next_cursor: str | None = Field(description="Ask with it for the next page; null: this is the last one.")


class SummariesAnswer(_DaysAnswer):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"results": [_DAY], "user_id": "ada", "overall": _MADE, "next_cursor": None, "degraded": []}]
        }
    )

    overall: MadeAnswer | None
    results: list[DayAnswer] = Field(description="The days that were summed up, the latest first.")


class TimelineAnswer(_DaysAnswer):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [{**_DAY, "opening": None, "facts": []}],
                    "user_id": "ada",
                    "next_cursor": None,
                    "degraded": [],
                }
            ]
        }
    )

    results: list[TimelineDay] = Field(description="Every day on which something was said, the latest first.")


class SummariesQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Limit = 100
    cursor: Day | None = Field(None, description="`next_cursor` of the page before.")


class TimelineQuery(SummariesQuery):
    first: Day | None = Field(None, alias="from", description="The first day.")
    last: Day | None = Field(None, alias="to", description="The last day.")


@router.get(
    "/profile",
    operation_id="user_profile",
    dependencies=_READ,
    response_model=ProfileAnswer,
    responses=problems(404, 422),
)
async def user_profile(user_id: PathId, bank: Bank) -> Response:
    """What the user is like, how to answer them, and what happened, as far as a language model made it."""
    profile = await bank.people.profile(user_id)
    if profile is None:
        raise not_found("user", user_id)
    return single(
        {
            "user_id": user_id,
            "portrait": _made(profile.portrait),
            "strategy": _made(profile.strategy),
            "summary": _made(profile.overall),
            "memories": profile.known.turns,
            "facts": profile.known.facts,
            "first_seen": rfc3339(profile.known.first_at),
            "last_seen": rfc3339(profile.known.last_at),
            "degraded": list(profile.degraded),
        }
    )


@router.post(
    "/profile",
    operation_id="refresh_profile",
    status_code=202,
    dependencies=_WRITE,
    response_model=JobAnswer,
    responses=problems(404, 409, 413, 422, 503, 507),
)
async def refresh_profile(user_id: PathId, request: Request, bank: Bank, once: OnceOnly) -> Response:
    """Sums up what was said until now, today's words too, and draws the portrait anew. Without a model 503."""
    tenant_of(request).language_model()

    async def refresh(along: Along) -> Job:
        job = await bank.people.refresh(user_id)
        if job is None:
            raise not_found("user", user_id)
        return await bank.footing.replying(along, job)

    return await once(bank, refresh, told_job, status=202)


@router.get(
    "/summaries",
    operation_id="user_summaries",
    dependencies=_READ,
    response_model=SummariesAnswer,
    responses=problems(404, 422),
)
async def user_summaries(user_id: PathId, query: Annotated[SummariesQuery, Query()], bank: Bank) -> Response:
    found = await bank.people.summed_up(user_id, _until(query), query.limit)
    if found is None:
        raise not_found("user", user_id)
    return await listing(
        found.days,
        _day,
        user_id=user_id,
        overall=_made(found.overall),
        next_cursor=found.next_cursor,
        degraded=list(found.degraded),
    )


@router.get(
    "/timeline",
    operation_id="user_timeline",
    dependencies=_READ,
    response_model=TimelineAnswer,
    responses=problems(404, 422),
)
async def user_timeline(user_id: PathId, query: Annotated[TimelineQuery, Query()], bank: Bank) -> Response:
    """What was talked about when: a day's summary, or how it began, and what was learnt on it."""
    last = min(query.last or LAST, _until(query))
    found = await bank.people.timeline(user_id, query.first or FIRST, last, query.limit)
    if found is None:
        raise not_found("user", user_id)
    return await listing(
        found.days, _told, user_id=user_id, next_cursor=found.next_cursor, degraded=list(found.degraded)
    )


def _until(query: SummariesQuery) -> str:
    return LAST if query.cursor is None else day_before(query.cursor)


def _day(day: DayOfUser) -> dict[str, Any]:
    return {
        "day": day.day,
        "memories": day.turns,
        "summary": _made(day.summary),
        "insight": _made(day.insight),
    }


def _told(day: DayOfUser) -> dict[str, Any]:
    opening = None if day.opening is None else day.opening[:_SHOWN]
    return {**_day(day), "opening": opening, "facts": [memory_json(fact) for fact in day.facts]}


def _made(kept: KeptSummary | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    return {
        "text": kept.text,
        "source_ids": list(kept.sources),
        "model": kept.model,
        "made_at": rfc3339(kept.made_at),
    }
