"""Adding, searching, listing and deleting many: what goes by entities."""

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request
from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.degraded import degraded_header
from memorybank_service.http.fields import LONGEST_ID, shown_as
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

_router, _described = mem0_router(), APIRouter(tags=["memories"])
ROUTERS = [_router, _described]
_PAGE_SIZE = 100
_LISTED: frozenset[MemoryState] = frozenset({"active", "faded", "superseded"})
_LATEST: frozenset[MemoryState] = frozenset({"active", "faded"})
_EXPIRED: frozenset[MemoryState] = frozenset({"expired"})
_OF_DELETING = frozenset({*ENTITIES, "filters", "metadata", "org_id", "project_id"})
_USER = {
    "name": "user_id",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID},
}
_ONE_OF_THEM = f"one of {', '.join(ENTITIES)}"


class DeletedAnswer(BaseModel):
    model_config = shown_as(message="Memories deleted successfully!", deleted=7)

    message: str
    deleted: int


@_router.post("/v3/memories/add", dependencies=[Depends(require("write"))])
async def add(body: AddBody, bank: Bank, once: OnceOnly) -> Response:
    """Stores each message to the letter, and draws facts from them in the background unless `infer` is false."""
    if not body.entities:
        raise Problem(400, "no-entity", f"A memory has to belong to somebody: give {_ONE_OF_THEM}.")
    drafts = body.drafts()
    degraded = bank.memories.degraded(drafts)

    def answer(stored: list[Stored]) -> str:
        learning = " Facts are drawn from it in the background." if body.infer and stored else ""
        message = " ".join(degraded) or f"Stored: {len(stored)}.{learning}"
        return encoded({"message": message, "status": "SUCCEEDED", "results": [_added(entry) for entry in stored]})

    return await once(bank, lambda along: bank.memories.add(drafts, along), answer)


@_router.post("/v3/memories/search", dependencies=[Depends(require("read"))])
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

    answer = await listing(found.recollections, shown)
    answer.headers.update(degraded_header(found.degraded))
    return answer


@_router.post("/v3/memories", dependencies=[Depends(require("read"))])
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


@_described.delete(
    "/v1/memories",
    operation_id="delete_memories",
    dependencies=[Depends(require("admin"))],
    response_model=DeletedAnswer,
    responses=problems(400, 409, 413, 422),
    openapi_extra={"parameters": [_USER]},
)
async def delete_all(request: Request, bank: Bank, once: OnceOnly) -> Response:
    """For good, everything of a user, in whichever state.

    As mem0's client does it, which may name other entities, and filters: see docs/mem0.md.
    """
    asked = asked_for(request, _conditions(request.query_params))

    def answer(deleted: int) -> str:
        return encoded({"message": "Memories deleted successfully!", "deleted": deleted})

    return await once(bank, lambda along: bank.entities.delete_all(asked.scope, asked.filter, along), answer)


def _conditions(query: QueryParams) -> list[object]:
    """All of which must hold. Raises Problem 400: a parameter that is not understood must never count as none."""
    if unknown := set(query) - _OF_DELETING:
        raise Problem(400, "malformed-request", f"{min(unknown)[:40]!r} is not a parameter of this request.")
    if any(len(query.getlist(name)) > 1 for name in query):
        raise Problem(400, "malformed-request", "A parameter is given more than once.")
    conditions: list[object] = [{name: query[name]} for name in ENTITIES if name in query]
    if any(len(query.get(name, "")) > LONGEST_ID for name in ENTITIES):
        raise Problem(400, "malformed-request", f"An entity has at most {LONGEST_ID} characters.")
    conditions.append(_written("filters", query.get("filters")))
    if (metadata := _written("metadata", query.get("metadata"))) not in (None, {}):
        conditions.append({"metadata": metadata})
    return conditions


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
