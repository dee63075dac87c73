"""The vector index: Chroma in a process of its own, filled from the truth and rebuilt from it whenever in doubt.

Its life is one thread's: that thread starts the process when enough waits to be indexed or a search needs it, writes
what is pending, and ends it when nobody has searched for a while, so that its memory is given back. A search that finds
it closed, behind, busy or broken is told so, and reads the truth instead: the index is about speed alone.
"""

import contextlib
import logging
import math
import shutil
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memorybank_service.children import ChildError, ChildTimeoutError
from memorybank_service.chroma.process import ChromaProcess
from memorybank_service.store import StoreError
from memorybank_service.store.index_seal import seal_of
from memorybank_service.store.pending import IndexSource

log = logging.getLogger(__name__)
Vector = NDArray[np.float32]

GATHER_SECONDS = 1.0  # what is stored within it is indexed in one batch
ENOUGH_PENDING = 256  # for opening it unasked; the vectors of a tenant this small are scanned in no time
IDLE_SECONDS = 20.0
RETRY_SECONDS, MOST_RETRY_SECONDS = 30.0, 900.0
MOST_ASKED = 2_000
"""Entries in one answer, some 30 ms; a scope that needs more of them is better read."""
BATCH = 500
_REST = 0.5  # of the time that a batch took: a pod may have one processor for all of its work
_RESERVE = 32 << 20  # bytes of the volume that the index leaves to the truth
WORN, _WORN_SHARE = 1_000, 0.25


class _Open(NamedTuple):
    process: ChromaProcess
    space: str


class ChromaIndex:
    def __init__(self, directory: Path, source: IndexSource) -> None:
        self._directory, self._source = directory, source
        self._wake, self._stop = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._open: _Open | None = None
        self._sealed = False
        self._wanted = self._doubtful = self._silent = False
        self._rebuilds: list[Future[None]] = []
        self._failures, self._not_before, self._used = 0, 0.0, 0.0
        self._thread = threading.Thread(target=self._run, name="index")
        self._thread.start()

    def notice(self) -> None:
        """There may be something to index."""
        self._wake.set()

    def call(self) -> None:
        """A search needs it."""
        self._wanted = True
        self._wake.set()

    def rebuild(self) -> "Future[None]":
        """Anew from the truth, in the background. Done when nothing is left of what was there, on disk neither.

        From now on nobody is answered from it. The future fails with StoreError if the index is closed before.
        """
        emptied: Future[None] = Future()
        with self._lock:
            self._rebuilds.append(emptied)
            self._doubtful, self._not_before = True, 0.0
        self._wake.set()
        return emptied

    def renew_if_worn(self) -> bool:
        """Rebuilds it where many entries were deleted or replaced: they stay in its graph, which every search walks."""
        written = self._source.written()
        worn = written - self._source.vectors() > max(WORN, _WORN_SHARE * written)
        if worn:
            self.rebuild()
        return worn

    def nearest(self, vector: Vector, owner: int | None, count: int) -> NDArray[np.int64] | None:
        """The numbers of the nearest memories, nearest first; None if the index cannot be asked now.

        There are others than the owner's among them, and as many in all as probably hold `count` of the owner's: having
        Chroma pick them out takes a hundred times as long as the search itself.
        """
        opened = self._open
        if opened is None or self._doubtful or self._silent or opened.space != self._source.space():
            self.call()
            return None
        self._used = time.monotonic()
        asked = count
        if owner is not None:
            asked = max(count, math.ceil(count * opened.process.count / max(1, self._source.memories_of(owner))))
        if asked > MOST_ASKED:
            return None
        try:
            found = opened.process.nearest(vector, asked)
        except ChildTimeoutError:
            self._silent = True
            self._wake.set()
            return None
        except ChildError as error:
            self._doubt(opened, error)
            return None
        self._failures = 0
        return found

    def close(self) -> None:
        """Finishes the batch it is at, and seals the index."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait(self._patience())
            self._wake.clear()
            if self._stop.is_set():
                return self._leave()
            try:
                self._take_turn()
            except (ChildError, OSError) as error:
                log.error("the vector index is unusable and will be rebuilt", extra={"error": str(error)})
                self._doubtful = True
                self._try_again_later(0.0)
            except StoreError as error:
                log.error("the vector index has to wait for the store", extra={"error": str(error)})
                self._try_again_later(RETRY_SECONDS)

    def _patience(self) -> float | None:
        """Seconds until there is something to do that nobody wakes it for."""
        now = time.monotonic()
        if self._not_before > now:
            return self._not_before - now
        return None if self._open is None else max(0.0, self._used + IDLE_SECONDS - now)

    def _take_turn(self) -> None:
        if time.monotonic() < self._not_before:
            return
        if self._silent and self._open is not None:
            self._open.process.ping()
        self._silent = False
        if self._doubtful or self._is_left_broken():
            self._empty()
        if not self._wanted and self._stop.wait(GATHER_SECONDS):
            return
        if self._is_needed():
            self._wanted = False
            if self._open is None:
                self._start()
            if self._open is not None:
                self._fill(self._open)
        if self._open is not None and time.monotonic() - self._used >= IDLE_SECONDS:
            self._end()

    def _is_needed(self) -> bool:
        if self._wanted or self._open is not None:
            return True
        return self._source.pending(ENOUGH_PENDING) == ENOUGH_PENDING

    def _is_left_broken(self) -> bool:
        """Whether what lies on disk is of no use, and takes up room: an end that was none has left it."""
        return self._open is None and self._directory.exists() and self._source.seal() == ""

    def _start(self) -> None:
        if (seal := self._source.seal()) == "" or seal != seal_of(self._directory):
            self._empty()
        else:
            self._sealed = True
        self._look_for_room()
        self._break_seal()
        space, process = self._source.space(), ChromaProcess(self._directory)
        fits = False
        try:
            fits = process.open(space)
        finally:
            if not fits:
                process.close()
        if not fits:
            log.warning("the vector index is another embedding model's")
            self._doubtful = True
            self._wake.set()
            return
        self._used = time.monotonic()
        self._open = _Open(process, space)
        log.info("the vector index is open", extra={"entries": process.count})

    def _look_for_room(self) -> None:
        if self._source.pending_bytes() + _RESERVE > shutil.disk_usage(self._directory.parent).free:
            raise StoreError("the volume has no room for it: delete memories or give the tenant more storage")

    def _fill(self, opened: _Open) -> None:
        written, took = 0, 0.0
        while not self._stop.is_set() and not self._doubtful and (entries := self._source.pending_entries(BATCH)):
            self._stop.wait(_REST * took)
            self._break_seal()
            started = time.monotonic()
            present = {entry.seq: entry.vector for entry in entries if entry.vector is not None}
            absent = [entry.seq for entry in entries if entry.vector is None]
            opened.process.write(list(present), b"".join(present.values()), absent)
            took, self._silent = time.monotonic() - started, False
            self._source.settle(entries)
            written += len(entries)
            if opened.space != self._source.space():
                self._doubtful = True
                self._wake.set()
        if written and not self._doubtful:
            self._seal()
            log.info("the vector index is up to date", extra={"entries": written})

    def _empty(self) -> None:
        """Nothing on disk, and everything to be written again."""
        with self._lock:
            opened, self._open = self._open, None
            rebuilds, self._rebuilds = self._rebuilds, []
            self._doubtful = False
        emptied = False
        try:
            if opened is not None:
                opened.process.close()
            self._sealed = True  # whatever is on record
            self._break_seal()
            if self._directory.exists():
                log.warning("the vector index is rebuilt from the memories")
                with contextlib.closing(ChromaProcess(self._directory)) as process:
                    process.discard()
            self._source.all_pending()
            emptied = True
        finally:
            if not emptied:
                with self._lock:
                    self._rebuilds += rebuilds
                    self._doubtful = True
        for rebuild in rebuilds:
            rebuild.set_result(None)

    def _seal(self) -> None:
        """What is on disk is what a process that is killed from now on leaves: Chroma has written all it was given."""
        if self._sealed:
            return
        seal = seal_of(self._directory)
        if seal == "":
            raise FileNotFoundError("the files of the vector index are gone")
        self._source.record_seal(seal)
        self._sealed = True

    def _break_seal(self) -> None:
        if self._sealed:
            self._source.record_seal("")
            self._sealed = False

    def _end(self) -> None:
        """So that its memory is given back. Searches that come meanwhile fail, and that is no fault of the index."""
        with self._lock:
            opened, self._open = self._open, None
        if opened is not None:
            opened.process.close()
            log.info("the vector index is closed")

    def _doubt(self, opened: _Open, error: ChildError) -> None:
        with self._lock:
            if self._open is not opened or self._doubtful:
                return
            self._doubtful = True
        log.warning("the vector index failed a search; it is rebuilt", extra={"error": str(error)})
        self._try_again_later(0.0)

    def _try_again_later(self, least: float) -> None:
        """At once after the first failure, then later and later."""
        self._failures += 1
        growing = RETRY_SECONDS * 2 ** min(self._failures - 2, 10) if self._failures > 1 else 0.0
        pause = max(least, min(growing, MOST_RETRY_SECONDS))
        self._not_before = time.monotonic() + pause
        self._wanted = True
        if pause == 0.0:
            self._wake.set()

    def _leave(self) -> None:
        try:
            if self._rebuilds:
                self._empty()
            elif self._open is not None and not self._doubtful:
                self._seal()
        except (ChildError, OSError, StoreError) as error:
            log.warning("the vector index was not closed well; it will be rebuilt", extra={"error": str(error)})
        self._end()
        for rebuild in self._rebuilds:
            rebuild.set_exception(StoreError("the vector index was closed before it was emptied"))
