"""Taking in an upload, however large: on disk before it is acknowledged, then batch by batch in a job.

How far it is stands in the same commit as the memories that it brought, so that a kill loses nothing, doubles nothing,
and brings nothing back that was changed or deleted since. The next batch is embedded while the last one is written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

from memorybank_service.memory.footing import Footing
from memorybank_service.memory.import_batches import Batch, Preparing
from memorybank_service.memory.import_rows import ImportRow
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.memory.keeping import Keeping
from memorybank_service.store import NOTHING_ALONG, Along, Job, JobEnd, JobProgress, JobState, NewJob
from memorybank_service.store.moved import Arrival, Moved
from memorybank_service.store.parts import UploadFile

KIND = "import"
MOST_ERRORS = 100
"""Of the first lines that were refused, each is told of."""
_MOST_JOBS = 100_000


@dataclass(frozen=True)
class Far:
    """How far an import is: the progress of its job."""

    of: int
    """Bytes."""
    bytes: int = 0
    lines: int = 0
    imported: int = 0
    """Memories that are new here."""
    unchanged: int = 0
    """Memories that were there already."""
    refused: int = 0
    errors: Sequence[Mapping[str, Any]] = ()
    space: str | None = None
    """What the vectors that come along were made by."""
    complete: bool | None = None
    """Whether all of an export came; None: it is not one of ours."""

    def result(self) -> dict[str, object]:
        told = asdict(self)
        return {name: told[name] for name in ("lines", "imported", "unchanged", "refused", "errors", "complete")}

    def after(self, batch: Batch, results: Sequence[bool | str]) -> "Far":
        kinds = {row.kind for row in batch.rows}
        errors = [(row.line, row.fields["field"], row.fields["message"]) for row in batch.rows if row.kind == "error"]
        new = unchanged = 0
        for (row, moved), result in zip(batch.moved, results, strict=True):
            if isinstance(result, str):
                errors.append((row.line, "id", result))
            elif isinstance(moved, Arrival):
                new, unchanged = new + result, unchanged + (not result)
        told = [{"line": line, "field": name, "message": message} for line, name, message in sorted(errors)]
        complete = True if "end" in kinds else (self.complete or (False if "space" in kinds else self.complete))
        return replace(
            self,
            bytes=batch.end,
            lines=max([self.lines, *(row.line for row in batch.rows)]),
            imported=self.imported + new,
            unchanged=self.unchanged + unchanged,
            refused=self.refused + len({line for line, _, _ in errors}),
            errors=[*self.errors, *told][:MOST_ERRORS],
            space=batch.space,
            complete=complete,
        )


class Importing:
    def __init__(self, footing: Footing, jobs: Jobs, keeping: Keeping, lane: str) -> None:
        self._on, self._jobs, self._keeping = footing, jobs, keeping
        self._preparing = Preparing(footing)
        jobs.register(KIND, lane, self._work)

    async def open(self) -> None:
        """Removes uploads that nobody waits for."""
        unended = [state for state in get_args(JobState) if state != "succeeded"]
        jobs = [job for state in unended for job in await self._jobs.listed(state, KIND, _MOST_JOBS)]
        await self._on.read(self._on.store.spool.tidy, {job.id for job in jobs})

    async def upload(self, job_id: str) -> UploadFile:
        """Raises StoreFullError."""
        return await self._on.read(self._on.store.spool.upload, job_id)

    async def write(self, file: UploadFile, rows: Sequence[ImportRow]) -> None:
        """Raises StoreFullError."""
        await self._on.read(file.write, b"".join(row.encoded() for row in rows))

    async def drop(self, file: UploadFile) -> None:
        """Unless it is an import by now."""
        await self._on.read(file.drop)

    async def begin(self, job_id: str, file: UploadFile, along: Along = NOTHING_ALONG) -> Job:
        """Once all of it has been written: acknowledged, it is on disk."""
        size = await self._on.read(file.keep)
        return await self._jobs.enqueue(NewJob(KIND, {"bytes": size, "actor": along.actor}, id=job_id), along)

    async def _work(self, under: Under) -> None:
        job = under.job
        far = Far(**job.progress) if job.progress else Far(of=int(str(job.arguments["bytes"])))  # type: ignore[arg-type]
        try:
            far = await self._take_in(job, far)
        except FileNotFoundError:
            raise JobError("the upload is not there any more; send it again", retryable=False) from None
        await asyncio.wrap_future(self._on.store.end_job(JobEnd(job.id, far.result()), self._on.now()))
        await self._on.read(self._on.store.spool.remove, job.id)

    async def _take_in(self, job: Job, far: Far) -> Far:
        batch = await self._preparing.batch(job, far.bytes, far.space)
        while batch.rows:
            following = asyncio.create_task(self._preparing.batch(job, batch.end, batch.space))
            try:
                after = await self._written(job, far, batch)
                if after is not None:
                    far, batch = after, await following
                    continue
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            # Somebody was erased since it was read, and may be in it.
            batch = await self._preparing.batch(job, far.bytes, far.space)
        return far

    async def _written(self, job: Job, far: Far, batch: Batch) -> Far | None:
        reached: list[Far] = []

        def along(results: Sequence[bool | str]) -> Along:
            reached.append(far.after(batch, results))
            new = [
                moved.memory
                for (_, moved), result in zip(batch.moved, results, strict=True)
                if isinstance(moved, Arrival) and result is True
            ]
            ids = {memory.id for memory in new}
            drafts = [draft for draft in batch.drafts if draft.id in ids]
            by_id = {memory.id: memory for memory in new}
            jobs = self._keeping.extraction(drafts, [by_id[str(draft.id)] for draft in drafts])
            return Along(jobs=jobs, progress=JobProgress(job.id, asdict(reached[-1])))

        moved: list[Moved] = [one for _, one in batch.moved]
        written = self._on.store.transfer.come_in(moved, batch.erasures, self._on.now(), along)
        if await asyncio.wrap_future(written) is None:
            return None
        self._jobs.notice()
        return reached[-1]
