"""Backups on the tenant's own volume: made, listed, fetched and removed."""

import base64
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank
from memorybank_service.http.auth import require
from memorybank_service.http.fields import shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded, listing
from memorybank_service.http.openapi import problems
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import not_found
from memorybank_service.http.v1.jobs import JobAnswer, told_job
from memorybank_service.store import Along, Backup

router = APIRouter(tags=["data"], dependencies=[Depends(require("admin"))])
_FILE = "application/vnd.sqlite3"


class BackupAnswer(BaseModel):
    model_config = ConfigDict(
        title="Backup",
        json_schema_extra={
            "examples": [
                {
                    "id": "20270115T080000Z-5f0e8f0c",
                    "created_at": "2027-01-15T08:00:00.000Z",
                    "bytes": 14_635_008,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "memories": 4_000,
                    "users": 3,
                    "schema": 3,
                    "space": "local/all-MiniLM-L6-v2",
                }
            ]
        },
    )

    id: str
    created_at: str = Field(description="The moment of which it holds everything.")
    bytes: int
    sha256: str = Field(description="Of the file, hexadecimal.")
    memories: int
    users: int
    schema_: int = Field(alias="schema", description="A service that knows a lower one cannot open it.")
    space: str = Field(description="What the vectors in it were made by.")


class BackupsAnswer(BaseModel):
    results: list[BackupAnswer]


class RemovedAnswer(BaseModel):
    model_config = shown_as(id="20270115T080000Z-5f0e8f0c", status="deleted")

    id: str
    status: str = "deleted"


@router.post(
    "/backup",
    operation_id="back_up",
    status_code=202,
    response_model=JobAnswer,
    responses=problems(409, 413, 422, 507),
)
async def back_up(bank: Bank, once: OnceOnly) -> Response:
    """Copies everything as it is at one moment, while writing goes on. The job's result names the `backup_id`."""
    return await once(bank, bank.backups.begin, told_job, status=202)


@router.get("/backups", operation_id="list_backups", response_model=BackupsAnswer)
async def list_backups(bank: Bank) -> Response:
    """The latest first; only whole ones."""
    return await listing(await bank.backups.listed(), backup_json)


@router.get(
    "/backups/{backup_id}",
    operation_id="get_backup",
    response_class=Response,
    responses={
        200: {"description": "The file", "content": {_FILE: {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The part of it that `Range` asks for"},
        416: {"description": "There is no such part"},
        **problems(404, 422),
    },
)
async def get_backup(backup_id: PathId, bank: Bank) -> Response:
    """The file, a SQLite database; `Repr-Digest` has its SHA-256. It can be fetched in parts, with `Range`."""
    found = await bank.backups.find(backup_id)
    if found is None:
        raise not_found("backup", backup_id)
    backup, path = found
    digest = base64.b64encode(bytes.fromhex(backup.sha256)).decode()
    return FileResponse(
        path, media_type=_FILE, filename=f"{backup.id}.db", headers={"Repr-Digest": f"sha-256=:{digest}:"}
    )


@router.delete(
    "/backups/{backup_id}",
    operation_id="delete_backup",
    response_model=RemovedAnswer,
    responses=problems(404, 409, 413, 422),
)
async def delete_backup(backup_id: PathId, bank: Bank, once: OnceOnly) -> Response:
    async def remove(along: Along) -> bool:
        if not await bank.backups.remove(backup_id):
            raise not_found("backup", backup_id)
        return await bank.footing.replying(along, True)

    return await once(bank, remove, lambda _: encoded({"id": backup_id, "status": "deleted"}))


def backup_json(backup: Backup) -> dict[str, Any]:
    return {
        "id": backup.id,
        "created_at": rfc3339(backup.created_at),
        "bytes": backup.bytes,
        "sha256": backup.sha256,
        "memories": backup.memories,
        "users": backup.users,
        "schema": backup.schema,
        "space": backup.space,
    }
