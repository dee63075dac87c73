"""Adding, searching, listing and deleting many: what goes by entities."""

from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded, listing
from memorybank_service.http.mem0.asked import asked_for
from memorybank_service.http.mem0.bodies import LAST_PAGE, MOST_ON_PAGE, AddBody, ListBody, SearchBody
from memorybank_service.http.mem0.filters import ENTITIES
from memorybank_service.http.mem0.routing import mem0_router
from memorybank_service.http.mem0.shape import chosen_fields, mem0_json, score_json
from memorybank_service.http.mem0.written import WrittenError, read_written
from memorybank_service.http.openapi import problems
from memorybank_service.http.problems import Problem
from memorybank_service.memory.keeping import ACTIVE, Kept, Stored
from memorybank_service.memory.recalling import Recollection, Search
from memorybank_service.memory.retention import MemoryState
from memorybank_service.store import Along

_router = mem0_router()
ROUTERS = [_router]
_PAGE_SIZE = 100
_LISTED: frozenset[MemoryState] = frozenset({"active", "faded", "superseded"})
_LATEST: frozenset[MemoryState] = frozenset({"active", "faded"})
_EXPIRED: frozenset[MemoryState] = frozenset({"expired"})
_ONE_OF_THEM = f"one of {', '.join(ENTITIES)}"


class AddedMemory(BaseModel):
    id: str
    event: str = Field(examples=["ADD"])
    memory: str
    data: dict[str, str]


class AddAnswer(BaseModel):
    message: str
    status: str = Field(examples=["SUCCEEDED"])
    results: list[AddedMemory]


class FoundAnswer(BaseModel):
    results: list[dict[str, Any]]


class PageAnswer(FoundAnswer):
    count: int
    next: str | None
    previous: str | None


class DeletedAnswer(BaseModel):
    message: str
    deleted: int


@_router.post(
    "/v3/memories/add/",
    operation_id="mem0_add",
    dependencies=[Depends(require("write"))],
    response_model=AddAnswer,
    responses=problems(400, 409, 413, 415, 422, 507),
)
async def add(body: AddBody, bank: Bank, once: OnceOnly) -> Response:
    """Stores each message to the letter, and draws facts from them in the background unless `infer` is false."""
    if not body.entities:
        raise Problem(400, "no-entity", f"A memory has to belong to somebody: give {_ONE_OF_THEM}.")
    drafts = body.drafts()
    degraded = bank.memories.degraded(drafts)

    def answer(stored: list[Stored]) -> str:
        message = " ".join(degraded) or f"Stored: {len(stored)}."
        return encoded({"message": message, "status": "SUCCEEDED", "results": [_added(entry) for entry in stored]})

    return await once(bank, lambda along: bank.memories.add(drafts, along), answer)


@_router.post(
    "/v3/memories/search/",
    operation_id="mem0_search",
    dependencies=[Depends(require("read"))],
    response_model=FoundAnswer,
    responses=problems(400, 413, 415, 422),
)
async def search(body: SearchBody, request: Request, bank: Bank, background: BackgroundTasks) -> Response:
    """The best first, by meaning and by words; what is found is recalled, and fades later."""
    asked = asked_for(request, body.conditions())
    found = await bank.recall.search(
        Search(
            body.query,
            asked.scope,
            body.limit or body.top_k,
            filter=asked.filter,
            states=ACTIVE | _EXPIRED if body.show_expired else ACTIVE,
            threshold=body.threshold,
            reference_date=body.reference_date,
        )
    )
    background.add_task(bank.recall.record_recalls, found.recollections)

    def shown(one: Recollection) -> dict[str, Any]:
        return chosen_fields(mem0_json(one.memory, one.state) | score_json(one.hit), body.fields)

    return await listing(found.recollections, shown)


@_router.post(
    "/v3/memories/",
    operation_id="mem0_list",
    dependencies=[Depends(require("read"))],
    response_model=PageAnswer,
    responses=problems(400, 413, 415, 422),
)
async def list_memories(
    body: ListBody,
    request: Request,
    bank: Bank,
    page: Annotated[int | None, Query(ge=1, le=LAST_PAGE)] = None,
    page_size: Annotated[int | None, Query(ge=1, le=MOST_ON_PAGE)] = None,
) -> Response:
    """The latest first, page by page."""
    asked = asked_for(request, body.conditions())
    number, size = page or body.page or 1, page_size or body.page_size or _PAGE_SIZE
    states = _LATEST if body.latest_only else _LISTED
    found = await bank.recall.page(
        asked.scope,
        wanted=asked.filter,
        states=states | _EXPIRED if body.show_expired else states,
        limit=size,
        offset=(number - 1) * size,
    )

    def shown(kept: Kept) -> dict[str, Any]:
        return chosen_fields(mem0_json(kept.memory, kept.state), body.fields)

    def of_page(other: int) -> str:
        return str(request.url.replace(path="/v3/memories/").include_query_params(page=other, page_size=size))

    return await listing(
        found.memories,
        shown,
        count=found.total,
        next=of_page(number + 1) if number * size < found.total else None,
        previous=of_page(number - 1) if number > 1 else None,
    )


class DeleteQuery(BaseModel):
    model_config = {"extra": "forbid"}

    user_id: str | None = None
    agent_id: str | None = None
    app_id: str | None = None
    run_id: str | None = None
    filters: str | None = Field(None, description="As in a search: JSON, or a dictionary as Python prints it.")
    metadata: str | None = Field(None, description="What the metadata must equal, written likewise.")
    org_id: str | None = None
    project_id: str | None = None


@_router.delete(
    "/v1/memories/",
    operation_id="mem0_delete_all",
    dependencies=[Depends(require("admin"))],
    responses=problems(400, 422),
)
async def delete_all(query: Annotated[DeleteQuery, Query()], request: Request, bank: Bank) -> DeletedAnswer:
    """For good, everything of the entities; never without one."""
    if any(len(request.query_params.getlist(name)) > 1 for name in request.query_params):
        raise Problem(400, "malformed-request", "A parameter is given more than once.")
    conditions: list[object] = [{name: value} for name in ENTITIES if (value := getattr(query, name)) is not None]
    conditions += [_written("filters", query.filters)]
    if (metadata := _written("metadata", query.metadata)) not in (None, {}):
        conditions.append({"metadata": metadata})
    asked = asked_for(request, conditions)
    deleted = await bank.entities.delete_all(asked.scope, asked.filter, Along(actor=request.state.key.name))
    return DeletedAnswer(message="Memories deleted successfully!", deleted=deleted)


def _written(name: str, value: str | None) -> object:
    """Raises Problem 400."""
    if value is None:
        return None
    try:
        return read_written(value)
    except WrittenError as error:
        raise Problem(400, "invalid-filter", f"{name.capitalize()} {error}.") from None


def _added(stored: Stored) -> dict[str, Any]:
    memory = stored.kept.memory
    return {"id": memory.id, "event": "ADD", "memory": memory.content, "data": {"memory": memory.content}}
