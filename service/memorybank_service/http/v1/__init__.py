"""The API of version 1: one module a concern."""

from fastapi import APIRouter

from memorybank_service.http.v1 import (
    adding,
    backups,
    erasing,
    forgetting,
    jobs,
    memories,
    moving,
    recall,
    summaries,
    upkeep,
    users,
)

router = APIRouter(prefix="/v1")
for concern in (adding, memories, recall, forgetting, users, summaries, jobs, moving, backups, erasing, upkeep):
    router.include_router(concern.router)
