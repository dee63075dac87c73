"""Embeds every memory anew with the configured embedding, while the old vectors serve, and swaps at the end.

What has been embedded is on disk, so it goes on where it was after a kill, and after it was cancelled and asked for
again. Memories that arrive or change meanwhile are embedded in a further pass; the few that are left at the swap wait
in the queue of embeddings.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from memorybank_service.embedding import EmbeddingError, TextRefusedError, Vector
from memorybank_service.memory.embedding_queue import pause_after
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.memory.vectors import text_of
from memorybank_service.store import (
    NOTHING_ALONG,
    Along,
    ConflictError,
    Job,
    JobEnd,
    JobProgress,
    Memory,
    NewJob,
    Space,
)

log = logging.getLogger(__name__)
KIND = "reembed"
BATCH = 256
LEFT_AT_SWAP = 256
"""Memories whose vectors may come after the swap: under a steady stream of writes, some always lack theirs."""
_REMOVED_AT_ONCE = 1_000
_MOST_FAILURES = 10  # one after the other


@dataclass
class _Far:
    """How far it is."""

    embedded: int
    total: int
    refused: set[int] = field(default_factory=set)


class Reembedding:
    def __init__(self, footing: Footing, jobs: Jobs, lane: str) -> None:
        self._on, self._jobs = footing, jobs
        jobs.register(KIND, lane, self._work)

    async def begin(self, along: Along = NOTHING_ALONG) -> Job:
        """The job; the one that is under way, if there is one. Raises ConflictError where a setting is missing."""
        if (missing := self._on.vectors.missing) is not None:
            raise ConflictError(f"nothing can be embedded anew: {missing}")
        running = await self._jobs.listed("running", KIND, 1)
        if running:
            return await self._on.replying(along, running[0])
        return await self._jobs.enqueue(NewJob(KIND, key=KIND), along)

    async def _work(self, under: Under) -> JobEnd:
        spaces = self._on.store.spaces
        changed_over = bool(under.job.progress.get("changed_over"))
        far = _Far(int(str(under.job.progress.get("embedded", 0))), 0)
        if not changed_over:
            if (missing := self._on.vectors.missing) is not None:
                raise JobError(missing, retryable=False)
            await self._remove_old()
            await asyncio.wrap_future(spaces.begin_next(self._on.embedder.name))
            far = _Far(*await self._on.read(spaces.count_next))
            await self._pass(under, far)
            while not await self._swapped(under, far):
                await self._pass(under, far)
        await self._remove_old()
        refused = len(far.refused)
        return JobEnd(under.job.id, {"embedded": far.embedded, "refused": refused, "space": self._on.store.space})

    async def _pass(self, under: Under, far: _Far) -> None:
        """Over all memories that lack their next vector."""
        name, spaces, after = self._on.embedder.name, self._on.store.spaces, 0
        while True:
            await self._tell(under, far)
            page = await self._on.read(spaces.missing_next, after, BATCH)
            if not page:
                return
            made = await self._embedded([memory for memory in page if memory.seq not in far.refused], far, under)
            far.embedded += await asyncio.wrap_future(spaces.write_next(made, name))
            after = page[-1].seq

    async def _tell(self, under: Under, far: _Far, **more: object) -> None:
        """Raises JobCancelledError where it has been cancelled."""
        total, name = max(far.embedded, far.total), self._on.embedder.name
        await under.progress(embedded=far.embedded, total=total, space=name, **more)

    async def _swapped(self, under: Under, far: _Far) -> bool:
        configured = Space(self._on.embedder.name, self._on.embedder.dimension)
        told = {"embedded": far.embedded, "total": far.embedded, "space": configured.name, "changed_over": True}
        along = Along(progress=JobProgress(under.job.id, told))
        tolerated = LEFT_AT_SWAP + len(far.refused)
        return await asyncio.wrap_future(self._on.store.spaces.swap(configured, tolerated, self._on.now(), along))

    async def _remove_old(self) -> None:
        while await asyncio.wrap_future(self._on.store.spaces.remove_old(_REMOVED_AT_ONCE)):
            pass

    async def _embedded(self, memories: Sequence[Memory], far: _Far, under: Under) -> dict[int, tuple[float, Vector]]:
        """Without those that the provider refuses. Raises JobError when it fails again and again."""
        failures = 0
        while memories:
            try:
                made = await self._on.vectors.embed_many([text_of(memory) for memory in memories])
                return {m.seq: (m.updated_at, vector) for m, vector in zip(memories, made, strict=True)}
            except TextRefusedError as error:
                return await self._halves(memories, far, under, error)
            except EmbeddingError as error:
                failures += 1
                if failures == _MOST_FAILURES or not error.retryable:
                    raise JobError(str(error), retryable=error.retryable, retry_after=error.retry_after) from error
                await self._tell(under, far, error=str(error), failures=failures)
                await asyncio.sleep(pause_after(failures, error))
        return {}

    async def _halves(
        self, memories: Sequence[Memory], far: _Far, under: Under, error: TextRefusedError
    ) -> dict[int, tuple[float, Vector]]:
        """Which of them it is that is refused. Raises JobError where that seems to be every one."""
        if len(memories) == 1:
            log.warning("a memory cannot be embedded; it is found by its words", extra={"id": memories[0].id})
            far.refused.add(memories[0].seq)
            if not far.embedded and len(far.refused) > _MOST_FAILURES:
                raise JobError(str(error), retryable=False)
            return {}
        half = len(memories) // 2
        made = await self._embedded(memories[:half], far, under)
        return made | await self._embedded(memories[half:], far, under)
