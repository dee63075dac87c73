"""Up to a thousand memories at once, each by its id."""

from fastapi import Depends, Request
from pydantic import BaseModel

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.mem0.changes import BatchDeleteBody, BatchUpdateBody
from memorybank_service.http.mem0.routing import mem0_router
from memorybank_service.http.mem0.single import amendment_of, existing
from memorybank_service.http.problems import Problem
from memorybank_service.store import Along

_router = mem0_router(dependencies=[Depends(require("write"))])
ROUTERS = [_router]


class DoneAnswer(BaseModel):
    message: str


@_router.put("/v1/batch")
async def batch_update(body: BatchUpdateBody, request: Request, bank: Bank) -> DoneAnswer:
    """None of them where one is unknown or immutable; else one after the other."""
    amendments = {
        one.memory_id: amendment_of(one, existing(one.memory_id, await bank.memories.get(one.memory_id)))
        for one in body.memories
    }
    if len(amendments) < len(body.memories):
        raise Problem(400, "malformed-request", "A memory is named more than once.")
    for memory_id, amendment in amendments.items():
        existing(memory_id, await bank.memories.amend(memory_id, amendment, Along(actor=request.state.key.name)))
    return DoneAnswer(message=f"Successfully updated {len(amendments)} memories")


@_router.delete("/v1/batch")
async def batch_delete(body: BatchDeleteBody, request: Request, bank: Bank) -> DoneAnswer:
    """All that there are of them, at once."""
    ids = list(dict.fromkeys(one.memory_id for one in body.memories))
    deleted = await bank.memories.delete(ids, Along(actor=request.state.key.name))
    if not deleted:
        raise Problem(404, "not-found", "There is no memory of any of these ids.")
    return DoneAnswer(message=f"Successfully deleted {deleted} memories")
