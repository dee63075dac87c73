"""When the service ran, on record: a long time without it is a pause, in which nothing fades."""

import asyncio
import logging

from memorybank_service.clock import Clock
from memorybank_service.memory.pauses import Pauses, is_pause
from memorybank_service.store import MemoryStore, StoreFullError

log = logging.getLogger(__name__)
_ALIVE = "alive_at"


class Alive:
    def __init__(self, store: MemoryStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._at, self._spans, self._pauses = clock(), list[tuple[float, float]](), Pauses([])
        self._unrecorded: list[tuple[float, float]] = []  # pauses for which the volume had no room yet
        self._opened = False

    async def open(self) -> None:
        """Takes up where the last process ended; a long time without one becomes a pause."""
        self._spans = await asyncio.to_thread(self._store.pauses)
        self._pauses = Pauses(self._spans)
        at = await asyncio.to_thread(self._store.note, _ALIVE)
        self._at = float(at) if at is not None else self._clock()
        self._opened = True
        await self.beat()

    async def beat(self) -> None:
        """Records that the service runs; to be called every minute or so.

        On a full volume the service must still start, search and delete, so that alone is no reason to fail: the pause
        counts at once, and is recorded before anything says that the service has been alive since.
        """
        if not self._opened:  # it is not known yet since when it was paused, and a beat would end that pause
            return
        now = self._clock()
        if is_pause(self._at, now):
            log.warning("the service was paused; nothing faded meanwhile", extra={"seconds": round(now - self._at)})
            self._spans = [*self._spans, (self._at, now)]
            self._pauses = Pauses(self._spans)
            self._unrecorded.append((self._at, now))
        self._at = max(self._at, now)
        try:
            while self._unrecorded:
                await asyncio.wrap_future(self._store.record_pause(*self._unrecorded[0]))
                del self._unrecorded[0]
            await asyncio.wrap_future(self._store.write_notes({_ALIVE: repr(self._at)}))
        except StoreFullError as error:
            log.error("that the service runs could not be recorded", extra={"error": str(error)})

    def pauses(self) -> Pauses:
        """With the one that is just ending, if a suspended machine has woken and no beat has come yet."""
        now = self._clock()
        return Pauses([*self._spans, (self._at, now)]) if is_pause(self._at, now) else self._pauses
