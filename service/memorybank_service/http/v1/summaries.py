"""What is known of a user as a whole: the portrait, the summaries of the days, and when there was something said."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Name
from memorybank_service.http.openapi import problems
from memorybank_service.http.problems import not_found
from memorybank_service.memory.summing_up import Known
from memorybank_service.store import KeptSummary

router = APIRouter(prefix="/users/{user_id}", tags=["users"], dependencies=[Depends(require("read"))])
UserId = Annotated[Name, Path()]

_MADE: dict[str, Any] = {
    "text": "Ada has moved to Vienna and is glad about it.",
    "source_ids": ["m1", "m2"],
    "model": "openai/gpt-5.4-mini",
    "made_at": "2027-01-16T01:00:00.000Z",
}


class MadeAnswer(BaseModel):
    """A text that a language model made."""

    text: str
    source_ids: list[str] = Field(description="Of the memories that were read for it; it goes with any of them.")
    model: str
    made_at: str


class _Answer(BaseModel):
    user_id: str
    degraded: list[str] = Field(description="What keeps it from being made or renewed, each a sentence.")


class ProfileAnswer(_Answer):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"user_id": "ada", "portrait": _MADE, "strategy": _MADE, "summary": _MADE, "degraded": []}]
        }
    )

    portrait: MadeAnswer | None
    strategy: MadeAnswer | None = Field(description="How to answer this user.")
    summary: MadeAnswer | None = Field(description="Of all days.")


class DayAnswer(BaseModel):
    day: str = Field(description="In UTC, as `2027-01-15`.")
    memories: int = Field(description="That were said on it.")
    summary: MadeAnswer | None
    insight: MadeAnswer | None = Field(description="What the day shows of the user.")


_DAY: dict[str, Any] = {"day": "2027-01-15", "memories": 2, "summary": _MADE, "insight": None}


class SummariesAnswer(_Answer):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "ada", "overall": _MADE, "results": [_DAY], "degraded": []}]}
    )

    overall: MadeAnswer | None
    results: list[DayAnswer] = Field(description="The days that were summed up, the latest first.")


class TimelineAnswer(_Answer):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "ada", "results": [_DAY], "degraded": []}]})

    results: list[DayAnswer] = Field(description="Every day on which something was said, the latest first.")


@router.get("/profile", operation_id="user_profile", response_model=ProfileAnswer, responses=problems(404, 422))
async def user_profile(user_id: UserId, bank: Bank) -> dict[str, Any]:
    known = await _known(bank, user_id)
    return {
        **_begun(bank, user_id),
        "portrait": _made(known.text("portrait")),
        "strategy": _made(known.text("strategy")),
        "summary": _made(known.text("overall")),
    }


@router.get("/summaries", operation_id="user_summaries", response_model=SummariesAnswer, responses=problems(404, 422))
async def user_summaries(user_id: UserId, bank: Bank) -> dict[str, Any]:
    known = await _known(bank, user_id)
    days = [day for day in _days(known) if day["summary"] or day["insight"]]
    return {**_begun(bank, user_id), "overall": _made(known.text("overall")), "results": days}


@router.get("/timeline", operation_id="user_timeline", response_model=TimelineAnswer, responses=problems(404, 422))
async def user_timeline(user_id: UserId, bank: Bank) -> dict[str, Any]:
    return {**_begun(bank, user_id), "results": _days(await _known(bank, user_id))}


async def _known(bank: Bank, user_id: str) -> Known:
    known = await bank.summing_up.of(user_id)
    if known is None:
        raise not_found("user", user_id)
    return known


def _begun(bank: Bank, user_id: str) -> dict[str, Any]:
    return {"user_id": user_id, "degraded": bank.summing_up.degraded()}


def _days(known: Known) -> list[dict[str, Any]]:
    made = {(one.kind, one.day): one for one in known.made}
    return [
        {
            "day": day,
            "memories": memories,
            "summary": _made(made.get(("day", day))),
            "insight": _made(made.get(("insight", day))),
        }
        for day, memories in known.days
    ]


def _made(kept: KeptSummary | None) -> dict[str, Any] | None:
    if kept is None:
        return None
    return {
        "text": kept.text,
        "source_ids": list(kept.sources),
        "model": kept.model,
        "made_at": rfc3339(kept.made_at),
    }
