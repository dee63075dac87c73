"""Memories one by one, and the list of them."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank, scope_of
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Cursor, Importance, Limit, Name, PlainMetadata, Strict, Text, shown_as
from memorybank_service.http.filters import JsonFilter
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import array, encoded, listing, single
from memorybank_service.http.memory_json import EXAMPLE, MemoryAnswer, memory_json
from memorybank_service.http.openapi import problems
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import not_found
from memorybank_service.http.times import Time
from memorybank_service.memory.keeping import EVERY_STATE, Kept
from memorybank_service.memory.retention import MemoryState
from memorybank_service.store import Amendment, Event

router = APIRouter(tags=["memories"])
_READ, _WRITE = [Depends(require("read"))], [Depends(require("write"))]


UNCHANGED: Any = None
"""The default of a field that null cannot stand for."""


class ListAnswer(BaseModel):
    model_config = shown_as(results=[EXAMPLE], next_cursor="41", total=42)

    results: list[MemoryAnswer]
    next_cursor: str | None = Field(description="Ask with it for the next page; null: this is the last one.")
    total: int = Field(description="On all pages.")


class DeletedAnswer(BaseModel):
    model_config = shown_as(
        id="0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e", status="deleted", message="Memory deleted successfully!"
    )

    id: str
    status: Literal["deleted"]
    message: str


class EventAnswer(BaseModel):
    model_config = shown_as(
        id=7,
        memory_id="0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e",
        action="UPDATE",
        event="UPDATE",
        old_content="I take the train to Vienna.",
        new_content="I take the night train to Vienna on Friday.",
        old_memory="I take the train to Vienna.",
        new_memory="I take the night train to Vienna on Friday.",
        at="2027-01-15T08:00:00.000Z",
        created_at="2027-01-15T08:00:00.000Z",
        actor="default",
    )

    id: int
    memory_id: str
    action: Literal["ADD", "UPDATE", "DELETE", "SUPERSEDE", "RESTORE"]
    event: str = Field(description="The same as `action`, under the name that mem0's clients read.")
    old_content: str | None = Field(
        description="Null also where the memory is deleted: its words are gone from here too."
    )
    new_content: str | None
    old_memory: str | None
    new_memory: str | None
    at: str
    created_at: str
    actor: str | None = Field(
        description="The name of the key that asked for it; `service` where nobody did; null where it is not known."
    )


class PatchRequest(Strict):
    """What is to change; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"minProperties": 1, "examples": [{"metadata": {"topic": "trains"}, "importance": 0.9}]}
    )

    content: Text = Field(UNCHANGED, description="New words; the old ones stay in the history.")
    metadata: PlainMetadata = Field(UNCHANGED, description="Takes the place of all that was there.")
    importance: Importance = Field(UNCHANGED)
    pinned: bool = Field(UNCHANGED)
    expires_at: Time | None = Field(None, description="Null: never.")
    speaker: Name = Field(UNCHANGED)
    created_at: Time = Field(UNCHANGED)

    @model_validator(mode="after")
    def _something(self) -> "PatchRequest":
        if not self.model_fields_set:
            raise ValueError("must change at least one field")
        return self

    @property
    def amendment(self) -> Amendment:
        never_expires = "expires_at" in self.model_fields_set and self.expires_at is None
        return Amendment(**{name: getattr(self, name) for name in self.model_fields_set}, never_expires=never_expires)


class ListQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: Name | None = Field(
        None, description="Left out: the memories that have none. `*`: everyone's (scope admin)."
    )
    agent_id: Name | None = None
    run_id: Name | None = None
    session_id: Name | None = Field(None, description="Another name of `run_id`, which goes before it.")
    state: list[MemoryState] = Field([], description="Left out: every state.")
    filters: JsonFilter = Field(None, description="As in a search, as JSON.")
    limit: Limit = 100
    cursor: Cursor | None = None


@router.get(
    "/memories",
    operation_id="list_memories",
    dependencies=_READ,
    response_model=ListAnswer,
    responses=problems(422, 503),
)
async def list_memories(request: Request, query: Annotated[ListQuery, Query()], bank: Bank) -> Response:
    """The latest arrival first. Nothing of it counts as a recall."""
    page = await bank.recall.page(
        scope_of(request, query.user_id, query.agent_id, query.run_id or query.session_id),
        states=frozenset(query.state) or EVERY_STATE,
        wanted=query.filters,
        limit=query.limit,
        cursor=query.cursor,
    )
    return await listing(page.memories, memory_json, next_cursor=page.next_cursor, total=page.total)


@router.get(
    "/memories/{memory_id}",
    operation_id="get_memory",
    dependencies=_READ,
    response_model=MemoryAnswer,
    responses=problems(404, 422, 503),
)
async def get_memory(memory_id: PathId, bank: Bank) -> Response:
    """In whichever state it is. Nothing of it counts as a recall."""
    return single(_shown(memory_id, await bank.memories.get(memory_id)))


@router.patch(
    "/memories/{memory_id}",
    operation_id="update_memory",
    dependencies=_WRITE,
    response_model=MemoryAnswer,
    responses=problems(400, 404, 409, 413, 415, 422, 503, 507),
)
async def update_memory(memory_id: PathId, body: PatchRequest, bank: Bank, once: OnceOnly) -> Response:
    """Changes what is given. Its strength and its age stay as they are."""
    amendment = body.amendment
    return await once(bank, lambda along: bank.memories.amend(memory_id, amendment, along), _telling(memory_id))


@router.delete(
    "/memories/{memory_id}",
    operation_id="delete_memory",
    dependencies=_WRITE,
    response_model=DeletedAnswer,
    responses=problems(404, 409, 413, 422, 503),
)
async def delete_memory(memory_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    """For good, with the facts that were drawn from it alone; the history keeps that there was one, not its words."""

    def answer(deleted: int) -> str:
        if not deleted:
            raise not_found("memory", memory_id)
        return encoded({"id": memory_id, "status": "deleted", "message": "Memory deleted successfully!"})

    return await once(bank, lambda along: bank.memories.delete([memory_id], along), answer)


@router.get(
    "/memories/{memory_id}/history",
    operation_id="get_memory_history",
    dependencies=_READ,
    response_model=list[EventAnswer],
    responses=problems(404, 422, 503),
)
async def get_memory_history(memory_id: PathId, bank: Bank) -> Response:
    """What happened to it, oldest first; also once it is deleted."""
    events = await bank.memories.history(memory_id)
    if events is None:
        raise not_found("memory", memory_id)
    return array([event_json(event) for event in events])


@router.post(
    "/memories/{memory_id}/restore",
    operation_id="restore_memory",
    dependencies=_WRITE,
    response_model=MemoryAnswer,
    responses=problems(404, 409, 413, 422, 503, 507),
)
async def restore_memory(memory_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    """Brings it back from fading, expiry or supersession, as fresh as on the day it arrived."""
    return await once(bank, lambda along: bank.memories.restore(memory_id, along), _telling(memory_id))


@router.put(
    "/memories/{memory_id}/pin",
    operation_id="pin_memory",
    dependencies=_WRITE,
    response_model=MemoryAnswer,
    responses=problems(404, 409, 413, 422, 503, 507),
)
async def pin_memory(memory_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    """A pinned memory never fades."""
    return await once(bank, lambda along: bank.memories.pin(memory_id, True, along), _telling(memory_id))


@router.delete(
    "/memories/{memory_id}/pin",
    operation_id="unpin_memory",
    dependencies=_WRITE,
    response_model=MemoryAnswer,
    responses=problems(404, 409, 413, 422, 503, 507),
)
async def unpin_memory(memory_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    """From now on it fades as others do, by the time since it was last recalled."""
    return await once(bank, lambda along: bank.memories.pin(memory_id, False, along), _telling(memory_id))


def event_json(event: Event) -> dict[str, Any]:
    """With the names that mem0's clients read beside ours."""
    return {
        "id": event.id,
        "memory_id": event.memory_id,
        "action": event.action,
        "event": event.action,
        "old_content": event.old_content,
        "new_content": event.new_content,
        "old_memory": event.old_content,
        "new_memory": event.new_content,
        "at": rfc3339(event.at),
        "created_at": rfc3339(event.at),
        "actor": event.actor,
    }


def _telling(memory_id: str) -> Callable[[Kept | None], str]:
    """The answer to a change."""
    return lambda kept: encoded(_shown(memory_id, kept))


def _shown(memory_id: str, kept: Kept | None) -> dict[str, Any]:
    if kept is None:
        raise not_found("memory", memory_id)
    return memory_json(kept)
