"""The process's program: `python -m memorybank_service.chroma DIRECTORY`, answering calls on standard input.

A directory belongs to one such process at a time. One whose service was killed may live a moment longer than it, so
the next waits for the lock before it touches anything.
"""

import fcntl
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memorybank_service.children.serving import serve_child
from memorybank_service.chroma.engine import Engine
from memorybank_service.niceness import yield_the_processor

_THREADS = 4
_SEARCHED_SECONDS = 10.0
_PIECE = 50
"""Entries that are written in one go while there are searches: they wait that long, some 40 ms."""


class Program:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._engine: Engine | None = None
        self._lock: int | None = None
        # One at a time, and whoever waits gets its turn before the other has another: first `_next`, then `_turn`.
        self._next, self._turn = threading.Lock(), threading.Lock()
        self._searched = float("-inf")

    def open(self, space: str) -> int | None:
        """How many entries there are; None if the collection is of another space."""
        self._take_lock()
        engine = Engine(self._directory)
        if not engine.open(space):
            return None
        self._engine = engine
        return engine.count()

    def discard(self) -> None:
        """Only before `open`."""
        self._take_lock()
        if self._directory.exists():
            shutil.rmtree(self._directory)

    def write(self, seqs: Sequence[int], vectors: bytes, removed: Sequence[int]) -> int:
        """How many entries there are then."""
        engine = self._opened()
        length, done = len(vectors) // max(1, len(seqs)), 0
        while done < len(seqs):
            size = _PIECE if time.monotonic() - self._searched < _SEARCHED_SECONDS else len(seqs)
            piece = seqs[done : done + size]
            self._wait_for_turn()
            try:
                engine.write(piece, vectors[done * length : (done + len(piece)) * length])
            finally:
                self._turn.release()
            done += len(piece)
        self._wait_for_turn()
        try:
            if removed:
                engine.remove(removed)
            return engine.count()
        finally:
            self._turn.release()

    def nearest(self, vector: bytes, count: int) -> list[int]:
        engine = self._opened()
        self._searched = time.monotonic()
        self._wait_for_turn()
        try:
            return engine.nearest(vector, count)
        finally:
            self._turn.release()

    def ping(self) -> None:
        return None

    def _opened(self) -> Engine:
        if self._engine is None:
            raise LookupError("the index is not open")
        return self._engine

    def _wait_for_turn(self) -> None:
        with self._next:
            self._turn.acquire()

    def _take_lock(self) -> None:
        if self._lock is None:
            path = self._directory.with_name(f"{self._directory.name}.lock")
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._lock = descriptor


def main() -> None:
    yield_the_processor()
    program = Program(Path(sys.argv[1]))
    handlers: dict[str, Callable[..., Any]] = {
        "open": program.open,
        "discard": program.discard,
        "write": program.write,
        "nearest": program.nearest,
        "ping": program.ping,
    }
    serve_child(handlers, threads=_THREADS)


if __name__ == "__main__":
    main()
