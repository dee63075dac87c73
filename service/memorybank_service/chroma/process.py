"""The service's handle on Chroma's process. Every method raises ChildError where it fails or takes too long."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memorybank_service.children.child import Child

# What the process may take before it passes for hung, and is killed. Opening reads the whole graph from a disk that
# may be slow, and waits for a process before it.
OPEN_SECONDS, WRITE_SECONDS, PING_SECONDS = 180.0, 120.0, 30.0
SEARCH_SECONDS = 0.25
"""A search takes 3 ms, and waits for an entry being written; beyond this, reading the vectors is no slower."""


class ChromaProcess:
    """One life of the process: where it has ended by itself, the next has nothing open, and says so."""

    def __init__(self, directory: Path) -> None:
        # One arena: its threads hardly allocate at once, and several would keep what is free (a sixth of the memory).
        self._child = Child("memorybank_service.chroma", [str(directory.resolve())], {"MALLOC_ARENA_MAX": "1"})
        self.count = 0
        """Entries there are."""

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def discard(self) -> None:
        """Removes all that is on disk; only before `open`."""
        self._child.call("discard", timeout=OPEN_SECONDS)

    def open(self, space: str) -> bool:
        """False if what is there was made for another embedding space."""
        count = self._child.call("open", space, timeout=OPEN_SECONDS)
        self.count = count or 0
        return count is not None

    def write(self, seqs: Sequence[int], vectors: bytes, removed: Sequence[int]) -> None:
        """Vectors in float16, one after the other."""
        self.count = self._child.call("write", seqs, vectors, removed, timeout=WRITE_SECONDS)

    def nearest(self, vector: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The memories' numbers, nearest first. Raises ChildTimeoutError, and lets it live, where it takes too long."""
        found = self._child.ask("nearest", vector.astype(np.float32).tobytes(), count, timeout=SEARCH_SECONDS)
        return np.array(found, np.int64)

    def ping(self) -> None:
        self._child.call("ping", timeout=PING_SECONDS)

    def close(self) -> None:
        self._child.close()
