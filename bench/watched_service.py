"""The memory service with a watch on its event loop: `LOOP_WATCH_FILE=FILE python -m bench.watched_service`.

What blocks a loop is a callback that does not come to its end: each is timed, by the wall clock and by the processor's.
Beside that a thread asks the loop for a sign of life every few milliseconds: how long that takes is also what waits in
the queue before it. Both are written to FILE at the end, in seconds, the longest first.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from time import perf_counter, thread_time

from memorybank_service import __main__ as program
from memorybank_service import server
from memorybank_service.http.access import KeyRing
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.tenant import Tenant
from memorybank_service.tracing import Tracing

EVERY_SECONDS = 0.004
LONGEST = 200
SHORT_SECONDS = 0.005


class LoopWatch:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._stop = loop, threading.Event()
        self.delays: list[float] = []
        self.callbacks: list[tuple[float, float]] = []
        _time_callbacks(self.callbacks)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self, file: Path) -> None:
        self._stop.set()
        longest = sorted(self.delays, reverse=True)[:LONGEST]
        callbacks = sorted(self.callbacks, reverse=True)[:LONGEST]
        file.write_text(json.dumps({"signs": len(self.delays), "longest": longest, "callbacks": callbacks}))

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            asked, answered = perf_counter(), threading.Event()
            self._loop.call_soon_threadsafe(self._note, asked, answered)
            while not self._stop.is_set() and not answered.wait(1.0):
                pass

    def _note(self, since: float, done: threading.Event) -> None:
        self.delays.append(perf_counter() - since)
        done.set()


def _time_callbacks(taken: list[tuple[float, float]]) -> None:
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        wall, processor = perf_counter(), thread_time()
        run(handle)
        if (elapsed := perf_counter() - wall) > SHORT_SECONDS:
            taken.append((elapsed, thread_time() - processor))

    setattr(asyncio.Handle, "_run", timed)  # noqa: B010 - there is no other place to stand


async def watched(
    settings: Settings, tenant: Tenant, keys: KeyRing, metrics: Metrics, tracing: Tracing | None = None
) -> int:
    watch = LoopWatch(asyncio.get_running_loop())
    try:
        return await server.serve(settings, tenant, keys, metrics, tracing)
    finally:
        watch.end(Path(os.environ["LOOP_WATCH_FILE"]))


if __name__ == "__main__":
    setattr(program, "serve", watched)  # noqa: B010 - the program calls it by this name, and exports it to nobody
    sys.exit(program.main())
