"""One memory by its id."""

from typing import Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import array, encoded, single
from memorybank_service.http.mem0.changes import UpdateBody
from memorybank_service.http.mem0.routing import slashed_router
from memorybank_service.http.mem0.shape import IMMUTABLE, history_json, mem0_json
from memorybank_service.http.openapi import problems
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import Problem, not_found
from memorybank_service.memory.keeping import Kept
from memorybank_service.store import Along, Amendment

_ours_too, _described = slashed_router(), APIRouter(tags=["memories"])
ROUTERS = [_ours_too, _described]
_READ, _WRITE = [Depends(require("read"))], [Depends(require("write"))]


@_ours_too.get("/v1/memories/{memory_id}", dependencies=_READ)
async def get_memory(memory_id: PathId, bank: Bank) -> Response:
    """In whichever state it is."""
    kept = existing(memory_id, await bank.memories.get(memory_id))
    return single(mem0_json(kept.memory, kept.state))


_EXAMPLE = {
    "id": "0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e",
    "memory": "I take the night train to Vienna.",
    "user_id": "ada",
}


@_described.put(
    "/v1/memories/{memory_id}",
    operation_id="replace_memory",
    dependencies=_WRITE,
    response_model=dict[str, Any],
    responses=problems(400, 404, 409, 413, 415, 422, 507)
    | {200: {"content": {"application/json": {"example": _EXAMPLE}}}},
)
async def update(memory_id: PathId, body: UpdateBody, bank: Bank, once: OnceOnly) -> Response:
    """As mem0's client does it: changes what is given; the old words stay in the history."""

    async def change(along: Along) -> Kept | None:
        amendment = amendment_of(body, existing(memory_id, await bank.memories.get(memory_id)))
        return await bank.memories.amend(memory_id, amendment, along)

    def answer(kept: Kept | None) -> str:
        changed = existing(memory_id, kept)
        return encoded(mem0_json(changed.memory, changed.state))

    return await once(bank, change, answer)


@_ours_too.delete("/v1/memories/{memory_id}", dependencies=_WRITE)
async def delete(
    memory_id: PathId,
    bank: Bank,
    once: OnceOnly,
    delete_linked: bool = Query(False, description="Also the memories whose place it took."),
) -> Response:
    """For good, with the facts that were drawn from it alone."""

    async def delete(along: Along) -> int:
        linked = await bank.entities.older_than(memory_id) if delete_linked else []
        return await bank.memories.delete([memory_id, *linked], along)

    def answer(deleted: int) -> str:
        if not deleted:
            raise not_found("memory", memory_id)
        cascade = {"cascade_count": deleted - 1} if delete_linked else {}
        return encoded({"message": "Memory deleted successfully!", **cascade})

    return await once(bank, delete, answer)


@_ours_too.get("/v1/memories/{memory_id}/history", dependencies=_READ)
async def history(memory_id: PathId, bank: Bank) -> Response:
    """What happened to it, oldest first; also once it is deleted."""
    events, kept = await bank.memories.history(memory_id), await bank.memories.get(memory_id)
    if events is None:
        raise not_found("memory", memory_id)
    memory = None if kept is None else kept.memory
    return array([history_json(event, memory) for event in events])


def existing(memory_id: str, kept: Kept | None) -> Kept:
    """Raises Problem 404."""
    if kept is None:
        raise not_found("memory", memory_id)
    return kept


def amendment_of(body: UpdateBody, kept: Kept) -> Amendment:
    """Raises Problem 400 where the memory must stay as it is."""
    if kept.memory.metadata.get(IMMUTABLE) is True:
        raise Problem(400, "immutable", f"The memory {kept.memory.id!r} was stored as immutable.")
    return Amendment(
        content=body.text,
        metadata=body.metadata_of(kept.memory.metadata),
        created_at=body.timestamp,
        expires_at=body.expiration_date,
        never_expires="expiration_date" in body.model_fields_set and body.expiration_date is None,
    )
