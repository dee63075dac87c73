"""Up to a thousand memories at once, each by its id."""

from fastapi import Depends
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded
from memorybank_service.http.mem0.changes import BatchDeleteBody, BatchUpdateBody
from memorybank_service.http.mem0.routing import mem0_router
from memorybank_service.http.mem0.single import amendment_of, existing
from memorybank_service.http.problems import Problem
from memorybank_service.store import Along

_router = mem0_router(dependencies=[Depends(require("write"))])
ROUTERS = [_router]


@_router.put("/v1/batch")
async def batch_update(body: BatchUpdateBody, bank: Bank, once: OnceOnly) -> Response:
    """None of them where one is unknown or immutable; else one after the other."""

    async def update(along: Along) -> int:
        amendments = {
            one.memory_id: amendment_of(one, existing(one.memory_id, await bank.memories.get(one.memory_id)))
            for one in body.memories
        }
        if len(amendments) < len(body.memories):
            raise Problem(400, "malformed-request", "A memory is named more than once.")
        for memory_id, amendment in amendments.items():
            existing(memory_id, await bank.memories.amend(memory_id, amendment, Along(actor=along.actor)))
        return await bank.footing.replying(along, len(amendments))

    return await once(bank, update, lambda updated: _done(f"Successfully updated {updated} memories"))


@_router.delete("/v1/batch")
async def batch_delete(body: BatchDeleteBody, bank: Bank, once: OnceOnly) -> Response:
    """All that there are of them, at once."""
    ids = list(dict.fromkeys(one.memory_id for one in body.memories))

    def answer(deleted: int) -> str:
        if not deleted:
            raise Problem(404, "not-found", "There is no memory of any of these ids.")
        return _done(f"Successfully deleted {deleted} memories")

    return await once(bank, lambda along: bank.memories.delete(ids, along), answer)


def _done(message: str) -> str:
    return encoded({"message": message})
