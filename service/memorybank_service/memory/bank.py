"""A tenant's memory bank: everything the routes can ask for, with embedding and disk off the event loop."""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import ParamSpec, TypeVar

from memorybank_service.clock import SECONDS_PER_HOUR, Clock
from memorybank_service.embedding import Embedder, Vector
from memorybank_service.memory.forgetting import ForgettingResult, plan
from memorybank_service.memory.pauses import Pauses, is_pause
from memorybank_service.memory.retention import Standing, standing
from memorybank_service.memory.retrieval import Hit, Query, search
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import NO_USER, FilterValue, Memory, MemoryStore, NewMemory, StoreFullError, Totals, View

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

RECALLED_RESULTS = 5
SIMILARITY_FLOOR = 0.25
"""A result below it is no recall: with this model, texts that have nothing to do with each other lie under it."""
RECALL_INTERVAL_SECONDS = SECONDS_PER_HOUR
_ALIVE, _SETTINGS, _SETTINGS_SINCE = "alive_at", "forgetting_settings", "forgetting_settings_since"


@dataclass(frozen=True)
class Draft:
    """A memory as a client gives it."""

    content: str
    user_id: str = NO_USER
    run_id: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Recollection:
    memory: Memory
    hit: Hit


@dataclass(frozen=True)
class Census:
    """How many memories are in which state."""

    active: int
    faded: int
    expired: int


def _ignore_timing(stage: str, seconds: float) -> None:
    del stage, seconds


class MemoryBank:
    def __init__(
        self,
        store: MemoryStore,
        embedder: Embedder,
        forgetting: ForgettingSettings,
        clock: Clock,
        timed: Callable[[str, float], None] = _ignore_timing,
    ) -> None:
        self.embedder = embedder
        self._store, self._forgetting, self._clock, self._timed = store, forgetting, clock, timed
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="reader")
        self._embedders = ThreadPoolExecutor(2, thread_name_prefix="embedder")
        self._opened = self._closed = False
        self._alive_at, self._spans = clock(), list[tuple[float, float]]()
        self._unrecorded: list[tuple[float, float]] = []  # pauses for which the volume had no room yet

    async def open(self) -> None:
        """Takes up where the last process ended; a long time without one becomes a pause."""
        self._spans = await self._read(self._store.pauses)
        alive_at = await self._read(self._store.note, _ALIVE)
        self._alive_at = float(alive_at) if alive_at is not None else self._clock()
        self._opened = True
        await self.beat()
        wanted = json.dumps(asdict(self._forgetting), sort_keys=True)
        if await self._read(self._store.note, _SETTINGS) != wanted:
            await self.note_down({_SETTINGS: wanted, _SETTINGS_SINCE: repr(self._clock())})

    async def close(self) -> None:
        """Finishes what is under way. Closing twice is closing once."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._opened:  # else it is not known since when it was paused, and a beat would end that pause
                await self.beat()
        finally:
            await asyncio.to_thread(self._close)

    async def beat(self) -> None:
        """Records that the service runs; to be called every minute or so.

        On a full volume the service must still start, search and delete, so that alone is no reason to fail: the pause
        counts at once, and is recorded before anything says that the service has been alive since.
        """
        now = self._clock()
        if is_pause(self._alive_at, now):
            log.warning(
                "the service was paused; nothing faded meanwhile", extra={"seconds": round(now - self._alive_at)}
            )
            self._spans = [*self._spans, (self._alive_at, now)]
            self._unrecorded.append((self._alive_at, now))
        self._alive_at = max(self._alive_at, now)
        try:
            while self._unrecorded:
                await asyncio.wrap_future(self._store.record_pause(*self._unrecorded[0]))
                del self._unrecorded[0]
            await self.write_note(_ALIVE, repr(self._alive_at))
        except StoreFullError as error:
            log.error("that the service runs could not be recorded", extra={"error": str(error)})

    async def remember(self, draft: Draft) -> str:
        """Stores a memory; when this returns, it is on disk and every search finds it. Returns its id."""
        [vector] = await self._embed([draft.content])
        now = self._clock()
        memory = NewMemory(
            id=str(uuid.uuid4()),
            content=draft.content,
            created_at=now,
            stored_at=now,
            user_id=draft.user_id,
            run_id=draft.run_id,
            metadata=draft.metadata,
            vector=vector,
        )
        await asyncio.wrap_future(self._store.add([memory]))
        return memory.id

    async def retrieve(
        self,
        text: str,
        user_id: str | None,
        top_k: int,
        metadata: Mapping[str, FilterValue],
        run_id: str | None = None,
    ) -> list[Recollection]:
        """The best memories of the user, or of the whole tenant; counts no recall, see `record_recalls`."""
        started = time.perf_counter()
        [vector] = await self._embed([text])
        self._timed("embedding", time.perf_counter() - started)
        return await self._read(self._search, user_id, Query(text, vector, top_k, metadata, run_id))

    async def record_recalls(self, found: Sequence[Recollection]) -> int:
        """Counts the recall of the first results of an answer; to be called after it has been sent."""
        recalled = [f.hit.seq for f in found[:RECALLED_RESULTS] if f.hit.similarity >= SIMILARITY_FLOOR]
        if not recalled:
            return 0
        now = self._clock()
        return await asyncio.wrap_future(self._store.record_recalls(recalled, now, now - RECALL_INTERVAL_SECONDS))

    async def forget(self, memory_id: str) -> bool:
        """Deletes a memory and all that was made of it; whether there was one."""
        return await asyncio.wrap_future(self._store.delete(memory_id))

    async def run_forgetting(self) -> ForgettingResult:
        return await self._read(self._run_forgetting)

    async def maintain(self) -> str:
        return await self._read(self._store.maintain)

    async def totals(self) -> Totals:
        return await self._read(self._store.totals)

    async def census(self) -> Census:
        return await self._read(self._census)

    async def size_bytes(self) -> int:
        return await self._read(self._store.size_bytes)

    async def note(self, name: str) -> str | None:
        return await self._read(self._store.note, name)

    async def write_note(self, name: str, value: str) -> None:
        await asyncio.wrap_future(self._store.write_notes({name: value}))

    async def note_down(self, notes: Mapping[str, str]) -> None:
        """As `write_note`, where a full volume is no reason to fail."""
        try:
            await asyncio.wrap_future(self._store.write_notes(notes))
        except StoreFullError as error:
            log.error("a note could not be written", extra={"error": str(error)})

    def now(self) -> float:
        return self._clock()

    def _search(self, user_id: str | None, query: Query) -> list[Recollection]:
        started = time.perf_counter()
        view = self._store.view(user_id)
        state = self._standing(view)
        self._timed("roster", time.perf_counter() - started)
        hits = search(view, state, query, self._timed)
        memories = self._store.fetch([hit.seq for hit in hits])
        return [Recollection(memories[hit.seq], hit) for hit in hits if hit.seq in memories]

    def _standing(self, view: View) -> Standing:
        settings = self._forgetting
        return standing(view.roster, self._clock(), self._pauses(), settings.time_scale_hours, settings.threshold)

    def _pauses(self) -> Pauses:
        """With the one that is just ending, if a suspended machine has woken and no beat has come yet."""
        now = self._clock()
        return Pauses([*self._spans, (self._alive_at, now)] if is_pause(self._alive_at, now) else self._spans)

    def _run_forgetting(self) -> ForgettingResult:
        now, view = self._clock(), self._store.view(None)
        since = float(self._store.note(_SETTINGS_SINCE) or now)
        decided = plan(
            view.roster,
            self._standing(view),
            self._store.faded(),
            settings=self._forgetting,
            settings_since=since,
            pauses=self._pauses(),
            now=now,
        )
        purged = self._store.record_fading(decided.fade, decided.unfade, decided.purge, now).result()
        return ForgettingResult(decided.faded - purged, purged)

    def _census(self) -> Census:
        state = self._standing(self._store.view(None))
        return Census(int(state.active.sum()), int(state.faded.sum()), int(state.expired.sum()))

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        return await asyncio.get_running_loop().run_in_executor(self._embedders, self.embedder.embed, texts)

    async def _read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: call(*args, **kwargs))

    def _close(self) -> None:
        self._embedders.shutdown()
        self._readers.shutdown()
        self._store.close()
