"""Embeds what was stored without a vector: what waits is on disk, so nothing but time is lost by an end at any moment.

A provider that fails is asked again after growing pauses. A text that it refuses by itself must not hold up the others:
it is left alone for an hour, and found by its words.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence

from memorybank_service.embedding import EmbeddingError, TextRefusedError, Vector
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.vectors import text_of
from memorybank_service.memory.waking import woken
from memorybank_service.store import Memory, StoreError

log = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 300.0
LOOK_AGAIN_SECONDS = 60.0
REFUSED_SECONDS = 3600.0
GENTLE_BATCH, LARGE_BATCH = 16, 96  # on this machine: one core's work of a moment; at a provider: one request
_SUSPICIOUS = 3  # refused one after the other, and none taken: it may not be the texts, and the rest has to wait


class EmbeddingQueue:
    def __init__(self, footing: Footing, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._on, self._monotonic = footing, monotonic
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused: dict[int, float] = {}  # by number: until when it is left alone
        self.batch = GENTLE_BATCH if footing.embedder.at_once else LARGE_BATCH

    def start(self) -> None:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self._on.store.when_unembedded(wake)
        self._task = asyncio.create_task(self._run(), name="embedding-queue")

    async def stop(self) -> None:
        if self._task is not None:
            self._on.store.when_unembedded(lambda: None)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def length(self) -> int:
        """How many memories wait for their vector."""
        return await self._on.read(self._on.store.embeddings_pending)

    async def _run(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            try:
                while await self._embed_some():
                    failures = 0
                pause = LOOK_AGAIN_SECONDS
            except (EmbeddingError, StoreError) as error:
                failures += 1
                if isinstance(error, EmbeddingError):
                    self._on.vectors.failed(error)
                pause = pause_after(failures, error)
                facts = {"error": str(error), "seconds": round(pause, 1)}
                log.warning("what was stored has to wait for its vectors", extra=facts)
                await asyncio.sleep(pause)
                continue
            await woken(self._wake, pause)

    async def _embed_some(self) -> bool:
        """Whether there may be more to do at once."""
        vectors, store = self._on.vectors, self._on.store
        if not vectors.of_the_data or vectors.missing is not None:
            return False
        now = self._monotonic()
        self._refused = {seq: until for seq, until in self._refused.items() if until > now}
        memories = await self._on.read(store.pending_embeddings, self.batch, self._refused.keys())
        if not memories:
            return False
        made = await self._embed(memories)
        vectors.answered()
        wanted = store.spaces.current.dimension
        if any(wanted not in (0, len(vector)) for _, vector in made.values()):
            raise EmbeddingError("the embedding gives vectors of another length than those that are there")
        await asyncio.wrap_future(store.set_vectors(made, self._on.embedder.name))
        return True

    async def _embed(self, memories: Sequence[Memory]) -> dict[int, tuple[float, Vector]]:
        try:
            made = await self._on.vectors.embed_many([text_of(memory) for memory in memories])
            return {m.seq: (m.updated_at, vector) for m, vector in zip(memories, made, strict=True)}
        except TextRefusedError:
            return await self._one_by_one(memories)

    async def _one_by_one(self, memories: Sequence[Memory]) -> dict[int, tuple[float, Vector]]:
        taken: dict[int, tuple[float, Vector]] = {}
        for tried, memory in enumerate(memories, 1):
            try:
                [vector] = await self._on.vectors.embed_many([text_of(memory)])
                taken[memory.seq] = memory.updated_at, vector
            except TextRefusedError:
                log.warning("a memory cannot be embedded; it is found by its words", extra={"id": memory.id})
                self._refused[memory.seq] = self._monotonic() + REFUSED_SECONDS
                if tried == _SUSPICIOUS and not taken:
                    raise
        return taken


def pause_after(failures: int, error: Exception) -> float:
    """Doubled with each failure, spread by a quarter, and as long as the provider asks for."""
    seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1))
    asked: float = getattr(error, "retry_after", None) or 0.0
    return max(asked, seconds * random.uniform(0.75, 1.25))  # noqa: S311 - no secret is made of it
