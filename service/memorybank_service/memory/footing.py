"""What every part of a memory bank stands on: the store, the embedding, the time, and threads to wait in."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from memorybank_service.clock import Clock
from memorybank_service.embedding import Embedder
from memorybank_service.memory.alive import Alive
from memorybank_service.memory.retention import MemoryState, Standing, standing, state_of
from memorybank_service.memory.vectors import Vectors
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import Along, Memory, MemoryStore, StoreError, StoreFullError, View

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


def ignore_timing(stage: str, seconds: float) -> None:
    del stage, seconds


class Footing:
    def __init__(
        self,
        store: MemoryStore,
        embedder: Embedder,
        forgetting: ForgettingSettings,
        clock: Clock,
        timed: Callable[[str, float], None] = ignore_timing,
    ) -> None:
        self.store, self.embedder, self.forgetting, self.now, self.timed = store, embedder, forgetting, clock, timed
        self.alive = Alive(store, clock)
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="reader")
        self.vectors = Vectors(store, embedder)

    def close(self) -> None:
        """Once nothing is under way any more; blocks."""
        self.vectors.close()
        self._readers.shutdown()
        self.store.close()

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Off the event loop."""
        # In the context of the request: its trace goes on in the thread.
        within = partial(copy_context().run, call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, within)

    async def note(self, name: str) -> str | None:
        return await self.read(self.store.note, name)

    async def write_notes(self, notes: Mapping[str, str]) -> None:
        await asyncio.wrap_future(self.store.write_notes(notes))

    async def note_down(self, notes: Mapping[str, str]) -> None:
        """As `write_notes`, where a full volume is no reason to fail."""
        try:
            await self.write_notes(notes)
        except StoreFullError as error:
            log.error("a note could not be written", extra={"error": str(error)})

    async def replying(self, along: Along, result: T) -> T:
        """Keeps the answer to what has been done in several commits; `result`, whether or not there was room for it."""
        if along.receipt is not None:
            try:
                await asyncio.wrap_future(self.store.keep_reply(along.receipt, result))
            except StoreError as error:  # it is done: to say otherwise would have it done again
                log.error("an answer could not be kept for its idempotency key", extra={"error": str(error)})
        return result

    def standing(self, view: View) -> Standing:
        settings = self.forgetting
        return standing(view.roster, self.now(), self.alive.pauses(), settings.time_scale_hours, settings.threshold)

    def state_of(self, memory: Memory) -> tuple[MemoryState, float]:
        """The state of one memory now, and its retention."""
        settings = self.forgetting
        return state_of(memory, self.now(), self.alive.pauses(), settings.time_scale_hours, settings.threshold)
