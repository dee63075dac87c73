"""Taking the tenant's memories elsewhere, and bringing them in: newline-delimited JSON, streamed both ways."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from memorybank_service.http.asked import EVERY_USER, Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.fields import Name
from memorybank_service.http.json_answers import single
from memorybank_service.http.openapi import problems
from memorybank_service.http.problems import Problem
from memorybank_service.http.v1.export_lines import first_line, last_line, memory_lines, rest_lines
from memorybank_service.http.v1.import_lines import Lines
from memorybank_service.http.v1.jobs import JobAnswer, job_json
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.store import Job

router = APIRouter(tags=["data"], dependencies=[Depends(require("admin"))])
NDJSON = "application/x-ndjson"
_LINE: dict[str, Any] = {"type": "string", "description": "One JSON object a line."}
_READ_AT_ONCE = 256 << 10


@router.get(
    "/export",
    operation_id="export",
    response_class=Response,
    responses={200: {"description": "An export", "content": {NDJSON: {"schema": _LINE}}}, **problems(422)},
)
async def export(
    request: Request,
    bank: Bank,
    user_id: Annotated[Name | None, Query(description="Of this user alone; left out or `*`: of all.")] = None,
) -> Response:
    """Everything that is kept, of a user or of the whole tenant, with vectors and with what is left of each memory.

    The first line tells what it is and the last line is of type `end`; without it, it was broken off.
    """
    whose = None if user_id == EVERY_USER else user_id
    name = f"{tenant_of(request).settings.tenant_id}.ndjson"
    lines = _export(bank, tenant_of(request).settings.tenant_id, whose)
    return StreamingResponse(
        lines, media_type=NDJSON, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.post(
    "/import",
    operation_id="import",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(409, 422, 503, 507),
    openapi_extra={"requestBody": {"required": True, "content": {NDJSON: {"schema": _LINE}}}},
)
async def take_in(
    request: Request,
    bank: Bank,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$")] = None,
) -> Response:
    """Takes in an export, or memories as POST /v1/memories takes them, one a line; when it answers, they are on disk.

    A job takes them in from there. Its `result` counts what was `imported`, what was there already (`unchanged`) and
    what was `refused`, with the first hundred `errors`, each with its line and field. A line that is refused keeps no
    other out. Sent again under the same Idempotency-Key, it is the same job.
    """
    job_id = str(uuid.uuid4())
    if idempotency_key is not None:
        job_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{request.state.key.name}/{idempotency_key}"))
        if (known := await bank.jobs.get(job_id)) is not None:
            return single(job_json(known), 202)
    under_way: set[tuple[str, ...]] = request.app.state.idempotent_under_way
    if (slot := (job_id,)) in under_way:
        detail = "A request with this Idempotency-Key is still under way; try again in a moment."
        raise Problem(409, "request-under-way", detail, headers={"Retry-After": "1"})
    under_way.add(slot)
    try:
        return single(job_json(await _received(request, bank, job_id)), 202)
    finally:
        under_way.discard(slot)


async def _received(request: Request, bank: MemoryBank, job_id: str) -> Job:
    """Checked line by line on its way to the disk. Raises Problem where it is empty."""
    file, lines = await bank.importing.upload(job_id), Lines()
    try:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= _READ_AT_ONCE:
                await bank.importing.write(file, await asyncio.to_thread(lines.feed, bytes(waiting)))
                waiting.clear()
        await bank.importing.write(file, await asyncio.to_thread(lines.feed, bytes(waiting)))
        await bank.importing.write(file, await asyncio.to_thread(lines.end))
        if lines.count == 0:
            raise Problem(422, "invalid-request", "There is no line in it.", [{"field": "body", "message": "is empty"}])
        return await bank.importing.begin(job_id, file)
    finally:
        await bank.importing.drop(file)


async def _export(bank: MemoryBank, tenant_id: str, user_id: str | None) -> AsyncGenerator[bytes, None]:
    exporting = bank.exporting
    yield first_line(tenant_id, user_id, exporting.space, await exporting.inventory(user_id), bank.now())
    count = 0
    async with aclosing(exporting.memories(user_id)) as pages:
        async for page in pages:
            count += len(page)
            yield await asyncio.to_thread(memory_lines, page)
    rest = await exporting.rest(user_id)
    yield await asyncio.to_thread(rest_lines, rest)
    yield last_line({"memories": count, "others": len(rest)})
