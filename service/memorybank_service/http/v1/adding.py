"""Adding memories: one, the turns of a conversation, or a thousand at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.responses import Response

from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.batch_body import read_batch
from memorybank_service.http.fields import shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded
from memorybank_service.http.memory_json import EXAMPLE, MemoryAnswer, memory_json
from memorybank_service.http.openapi import json_body, problems
from memorybank_service.http.problems import require_json
from memorybank_service.http.v1.bodies import (
    MOST_IN_BATCH,
    AddRequest,
    BatchRequest,
    ConversationRequest,
    NewMemoryRequest,
)
from memorybank_service.memory.keeping import Draft, Stored

router = APIRouter(tags=["memories"], dependencies=[Depends(require("write"))])
_MEMORY: TypeAdapter[NewMemoryRequest] = TypeAdapter(NewMemoryRequest)
_ENOUGH_ERRORS = 20


class AddedMemory(MemoryAnswer):
    model_config = shown_as(**EXAMPLE, is_new=True)

    is_new: bool = Field(description="False: it was there already, word for word under the same id.")


class AddedOne(AddedMemory):
    model_config = shown_as(**EXAMPLE, is_new=True, degraded=[])

    degraded: list[str] = Field(description="What was asked for and will not be done, each a sentence.")


class AddedConversation(BaseModel):
    model_config = shown_as(results=[EXAMPLE | {"is_new": True}], degraded=[])

    results: list[AddedMemory]
    degraded: list[str]


class AddedId(BaseModel):
    id: str
    is_new: bool


class AddedBatch(BaseModel):
    model_config = shown_as(results=[{"id": "0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e", "is_new": True}], degraded=[])

    results: list[AddedId] = Field(description="In the order of the request.")
    degraded: list[str]


@router.post(
    "/memories",
    operation_id="add_memory",
    status_code=201,
    response_model=AddedOne | AddedConversation,
    responses=problems(400, 409, 413, 415, 422, 503, 507),
)
async def add_memory(body: AddRequest, bank: Bank, once: OnceOnly) -> Response:
    """Stores a memory (`content`), or the turns of a conversation (`messages`), one memory each.

    When it answers they are on disk, and the next search finds them. The answer to one memory is that memory; to a
    conversation, `results`.
    """
    drafts = body.drafts()
    degraded = bank.memories.degraded(drafts)

    def answer(stored: Sequence[Stored]) -> str:
        added = [memory_json(entry.kept) | {"is_new": entry.is_new} for entry in stored]
        if isinstance(body, ConversationRequest):
            return encoded({"results": added, "degraded": degraded})
        return encoded({**added[0], "degraded": degraded})

    return await once(bank, lambda along: bank.memories.add(drafts, along), answer, status=201)


@router.post(
    "/memories/batch",
    operation_id="add_memories",
    status_code=201,
    response_model=AddedBatch,
    responses=problems(400, 409, 413, 415, 422, 503, 507),
    openapi_extra=json_body(BatchRequest),
)
async def add_memories(request: Request, bank: Bank, once: OnceOnly) -> Response:
    """Stores up to 1,000 memories: all of them, or none. The body may have 8 MiB."""
    require_json(request)
    async with _two_at_a_time(request):
        drafts = await asyncio.to_thread(_drafts, await request.body())
        degraded = bank.memories.degraded(drafts)

        def answer(stored: Sequence[Stored]) -> str:
            results = [{"id": entry.kept.memory.id, "is_new": entry.is_new} for entry in stored]
            return encoded({"results": results, "degraded": degraded})

        return await once(bank, lambda along: bank.memories.add(drafts, along), answer, status=201)


def _two_at_a_time(request: Request) -> asyncio.Semaphore:
    """Of a third batch not even the body is read before one of the two is done: each may take 50 MB."""
    semaphore: asyncio.Semaphore = request.app.state.batches
    return semaphore


def _drafts(body: bytes) -> list[Draft]:
    """Raises RequestValidationError, Problem."""
    drafts: list[Draft] = []
    errors: list[Any] = []
    for place, member in enumerate(read_batch(body, MOST_IN_BATCH)):
        try:
            drafts += _MEMORY.validate_python(member).drafts()
        except ValidationError as error:
            errors += [{**detail, "loc": ("body", "memories", place, *detail["loc"])} for detail in error.errors()]
            if len(errors) >= _ENOUGH_ERRORS:
                break
    if errors:
        raise RequestValidationError(errors)
    return drafts
