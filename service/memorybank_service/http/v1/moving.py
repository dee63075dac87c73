"""Taking the tenant's memories elsewhere, and bringing them in: newline-delimited JSON, streamed both ways."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.fields import EVERY_USER, NOT_BLANK, Name
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.openapi import problems
from memorybank_service.http.problems import Problem
from memorybank_service.http.v1.export_lines import first_line, last_line, memory_lines, rest_lines
from memorybank_service.http.v1.import_lines import Lines
from memorybank_service.http.v1.jobs import JobAnswer, told_job
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.store.parts import UploadFile

router = APIRouter(tags=["data"], dependencies=[Depends(require("admin"))])
NDJSON = "application/x-ndjson"
_LEAVING: dict[str, Any] = {
    "schema": {"type": "string", "description": "One JSON object a line."},
    "example": '{"type":"memorybank-export","version":1,"tenant_id":"customer1","user_id":null}\n'
    '{"type":"memory","id":"m1","content":"I take the night train to Vienna.","user_id":"ada"}\n'
    '{"type":"end","memories":1,"others":0}\n',
}
_COMING: dict[str, Any] = {
    "schema": {
        "type": "string",
        "minLength": 1,
        "pattern": NOT_BLANK,
        "description": "One JSON object a line. A line that cannot be taken in is told of in the job's result.",
    },
    "example": '{"content":"I take the night train to Vienna.","user_id":"ada"}\n'
    '{"content":"It leaves at nine.","user_id":"ada"}\n',
}
_READ_AT_ONCE = 256 << 10


@router.get(
    "/export",
    operation_id="export",
    response_class=Response,
    responses={200: {"description": "An export", "content": {NDJSON: _LEAVING}}, **problems(422)},
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
    responses=problems(409, 413, 422, 503, 507),
    openapi_extra={"requestBody": {"required": True, "content": {NDJSON: _COMING}}},
)
async def take_in(request: Request, bank: Bank, once: OnceOnly) -> Response:
    """Takes in an export, or memories as POST /v1/memories takes them, one a line; when it answers, they are on disk.

    A job takes them in from there. Its `result` counts what was `imported`, what was there already (`unchanged`) and
    what was `refused`, with the first hundred `errors`, each with its line and field. A line that is refused keeps no
    other out. Sent again under the same Idempotency-Key, it is the same job.
    """
    job_id = str(uuid.uuid4())
    file = await bank.importing.upload(job_id)
    try:
        return await once(
            bank,
            lambda along: bank.importing.begin(job_id, file, along),
            told_job,
            status=202,
            body=lambda: _received(request, bank, file),
        )
    finally:
        await bank.importing.drop(file)


async def _received(request: Request, bank: MemoryBank, file: UploadFile) -> bytes:
    """Checked line by line on its way to the disk; returns its SHA-256. Raises Problem where it is empty."""
    lines, waiting, digest = Lines(), bytearray(), hashlib.sha256()

    async def write() -> None:
        digest.update(waiting)
        await bank.importing.write(file, await asyncio.to_thread(lines.feed, bytes(waiting)))
        waiting.clear()

    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _READ_AT_ONCE:
            await write()
    await write()
    await bank.importing.write(file, await asyncio.to_thread(lines.end))
    if lines.are_blank:
        raise Problem(422, "invalid-request", "There is no line in it.", [{"field": "body", "message": "is empty"}])
    return digest.digest()


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
