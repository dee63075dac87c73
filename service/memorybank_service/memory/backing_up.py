"""Backups on the tenant's own volume: asked for, offered, fetched and removed."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.store import NOTHING_ALONG, Along, Backup, Job, JobEnd, NewJob, StoreFullError

log = logging.getLogger(__name__)
KIND = "backup"
COPY_ID, COPIED_AT = "copy_id", "copied_at"


class BackingUp:
    def __init__(self, footing: Footing, jobs: Jobs, lane: str, moving: asyncio.Lock) -> None:
        self._on, self._jobs, self._moving = footing, jobs, moving
        jobs.register(KIND, lane, self._work)

    async def open(self) -> None:
        """Removes what a kill left half-way, and tells where the memories come from after a restore."""
        await self._on.read(self._on.store.backups.clear_unfinished)
        if backup_id := await self._on.note(COPY_ID):
            log.warning("the memories were restored from a backup", extra={"backup": backup_id})
            await self._on.note_down({COPY_ID: ""})

    async def begin(self, along: Along = NOTHING_ALONG) -> Job:
        """Raises StoreFullError where there is no room for it."""
        await self._on.read(self._on.store.backups.require_room)
        return await self._jobs.enqueue(NewJob(KIND, key=KIND), along)

    async def listed(self) -> list[Backup]:
        """The latest first."""
        return await self._on.read(self._on.store.backups.listed)

    async def find(self, backup_id: str) -> tuple[Backup, Path] | None:
        """With its file."""
        backups = self._on.store.backups
        backup = await self._on.read(backups.find, backup_id)
        return None if backup is None else (backup, backups.file(backup_id))

    async def remove(self, backup_id: str) -> bool:
        """Whether there was one."""
        return await self._on.read(self._on.store.backups.remove, backup_id)

    async def _work(self, under: Under) -> JobEnd:
        job = under.job
        backup_id = f"{datetime.fromtimestamp(job.created_at, UTC):%Y%m%dT%H%M%SZ}-{job.id[:8]}"
        async with self._moving:  # an erasure waits, so that its receipt names this one
            try:
                made = await self._on.read(self._on.store.backups.make, backup_id, self._on.now())
            except StoreFullError as error:  # nobody wants it an hour later
                raise JobError(str(error), retryable=False) from error
        return JobEnd(job.id, {"backup_id": made.id, "bytes": made.bytes, "sha256": made.sha256})
