"""Finding memories: as a list of results, or as a text that is ready for a prompt."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from memorybank_service.http.asked import Bank, scope_of
from memorybank_service.http.auth import require
from memorybank_service.http.fields import WHOLE, Name, Text, TopK, shown_as
from memorybank_service.http.filters import Filters
from memorybank_service.http.json_answers import listing
from memorybank_service.http.memory_json import EXAMPLE, FoundMemoryAnswer, found_json
from memorybank_service.http.openapi import problems
from memorybank_service.http.times import DayOrTime
from memorybank_service.http.v1.bodies import ONE_RUN, Whose
from memorybank_service.memory.keeping import ACTIVE
from memorybank_service.memory.recalling import Search

router = APIRouter(tags=["recall"], dependencies=[Depends(require("read"))])
MOST_NEIGHBOURS = 5
MOST_TOKENS = 100_000
_NEIGHBOURS = "neighbors"


class _Wanted(Whose):
    query: Text
    user_id: Name | None = Field(
        None, description="Left out: the memories that have no user. `*`: everyone's (scope admin)."
    )
    filters: Filters | None = None
    threshold: float | None = Field(None, ge=0, le=1, description="The least `similarity` of a result.")
    reference_date: DayOrTime | None = Field(
        None,
        description="From when dates in the query count (`yesterday`); now, if left out. Retention stays as it is.",
    )
    reinforce: bool = Field(
        True, description="The best five that answer the query become stronger, each at most once an hour."
    )

    def search(self, request: Request, **more: Any) -> Search:
        return Search(
            self.query,
            scope_of(request, self.user_id, self.agent_id, self.run),
            filter=self.filters,
            threshold=self.threshold,
            reference_date=self.reference_date,
            **more,
        )


class SearchRequest(_Wanted):
    model_config = ConfigDict(
        json_schema_extra=ONE_RUN
        | {
            "examples": [
                {
                    "query": "How does Ada travel?",
                    "user_id": "ada",
                    "filters": {"metadata": {"topic": "travel"}, "created_at": {"gte": "2027-01-01"}},
                    "top_k": 5,
                }
            ]
        }
    )

    top_k: TopK = 10
    include: list[Literal["faded", "expired", "superseded", "neighbors"]] = Field(
        default=[],
        max_length=4,
        description="Also what a search usually leaves out; `neighbors`: with each result what was said around it.",
    )
    neighbors: Annotated[int, Field(ge=0, le=MOST_NEIGHBOURS), WHOLE] = Field(
        0, description="How many turns before and after each result to show with it."
    )
    explain: bool = Field(False, description="With each result the parts of its score.")


class SearchAnswer(BaseModel):
    model_config = shown_as(results=[EXAMPLE | {"score": 1.42, "similarity": 0.83, "retention": 0.97}], degraded=[])

    results: list[FoundMemoryAnswer] = Field(description="The best first.")
    degraded: list[str] = Field(description="What could not be used for it, each a sentence.")


class ContextRequest(_Wanted):
    model_config = ConfigDict(
        json_schema_extra=ONE_RUN
        | {"examples": [{"query": "How does Ada travel?", "user_id": "ada", "max_tokens": 500}]}
    )

    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS), WHOLE] = Field(1000, description="What the text may have.")
    top_k: TopK = Field(30, description="How many memories are considered.")


class ContextAnswer(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "<memories>\n[2027-01-15 08:00] Ada: I take the night train.\n</memories>",
                    "memories": [EXAMPLE | {"score": 1.42, "similarity": 0.71, "retention": 0.97}],
                    "tokens": 27,
                    "degraded": [],
                }
            ]
        }
    )

    text: str = Field(description="Dated lines in the order in which they were said; empty where nothing was found.")
    memories: list[FoundMemoryAnswer] = Field(description="Those in the text, in its order.")
    tokens: int = Field(description="About how many tokens the text has.")
    degraded: list[str]


@router.post(
    "/search", operation_id="search_memories", response_model=SearchAnswer, responses=problems(400, 413, 415, 422)
)
async def search_memories(request: Request, body: SearchRequest, bank: Bank, background: BackgroundTasks) -> Response:
    """By meaning and by words. What was answered as stored before is found."""
    states = ACTIVE | {state for state in body.include if state != _NEIGHBOURS}
    neighbours = max(body.neighbors, int(_NEIGHBOURS in body.include))
    wanted = body.search(request, top_k=body.top_k, states=states, neighbours=neighbours, explain=body.explain)
    found = await bank.recall.search(wanted)
    if body.reinforce:
        background.add_task(bank.recall.record_recalls, found.recollections)
    return await listing(found.recollections, found_json, degraded=list(found.degraded))


@router.post(
    "/context", operation_id="get_context", response_model=ContextAnswer, responses=problems(400, 413, 415, 422)
)
async def get_context(request: Request, body: ContextRequest, bank: Bank, background: BackgroundTasks) -> Response:
    """Memories as a text for a prompt, within a budget of tokens.

    Of a conversation that is added later, what stands between `<memories>` and `</memories>` is not taken in again.
    """
    found = await bank.recall.for_prompt(body.search(request, top_k=body.top_k), body.max_tokens)
    if body.reinforce:
        background.add_task(bank.recall.record_recalls, found.recollections)
    return await listing(
        found.recollections,
        found_json,
        named="memories",
        text=found.context.text,
        tokens=found.context.tokens,
        degraded=list(found.degraded),
    )
