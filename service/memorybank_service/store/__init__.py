"""What is true about a tenant's memories, on disk, and the indexes made from it.

`MemoryStore` is all that the layers above know. Its methods block, so they are called off the event loop; writes
give a future that is done once the write is on disk and every later search sees it.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]
"""Places in a roster, ascending."""
Floats = NDArray[np.float64]
Vector = NDArray[np.float32]

NO_USER = ""
"""The user of memories that were stored without one."""

FilterValue = str | int | float | bool | None | list[str | int | float | bool]


class StoreError(Exception):
    """The store cannot be used; the message is a sentence for the operator of the service."""


class StoreFullError(StoreError):
    """The volume has no room for this write; nothing of it was kept."""


@dataclass(frozen=True)
class NewMemory:
    id: str
    content: str
    created_at: float
    """When it was said; all times are seconds since 1970, UTC."""
    stored_at: float
    user_id: str = NO_USER
    agent_id: str | None = None
    run_id: str | None = None
    speaker: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    vector: Vector | None = None


@dataclass(frozen=True)
class Memory:
    seq: int
    """The store's own number, ascending in the order of arrival and never used twice."""
    id: str
    content: str
    user_id: str
    agent_id: str | None
    run_id: str | None
    speaker: str | None
    created_at: float
    stored_at: float
    updated_at: float
    metadata: dict[str, object]
    importance: float
    recalls: int
    anchor: float
    """From when its retention falls: its arrival, or its last counted recall or restore."""
    recalled_at: float | None
    pinned: bool
    expires_at: float | None
    faded_at: float | None
    """When a forgetting run recorded it as faded."""


@dataclass(frozen=True)
class Roster:
    """What deciding and ranking need about every memory of a scope, by position, in the order of arrival."""

    seq: NDArray[np.int64]
    anchor: Floats
    recalls: NDArray[np.int32]
    pinned: NDArray[np.bool_]
    expires_at: Floats
    """Infinity: never."""
    words: NDArray[np.int32]
    alive: NDArray[np.bool_]
    """False once it is deleted."""

    def __len__(self) -> int:
        return len(self.seq)

    def positions(self, seqs: NDArray[np.int64]) -> Positions:
        """Where these stand; those that are not in the roster are left out."""
        places = np.searchsorted(self.seq, seqs)
        inside = places < len(self.seq)
        places, seqs = places[inside], seqs[inside]
        return np.sort(places[self.seq[places] == seqs])


@dataclass(frozen=True)
class Postings:
    """In which memories a term stands, and how often."""

    positions: Positions
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class FadedMemory:
    seq: int
    faded_at: float


@dataclass(frozen=True)
class Totals:
    memories: int
    average_importance: float | None
    oldest: float | None
    newest: float | None


class View(Protocol):
    """One scope as it stood at one moment: the memories of a user, or of the whole tenant."""

    roster: Roster

    def matching(self, metadata: Mapping[str, FilterValue], run_id: str | None) -> Positions:
        """Those of the session whose metadata equal all the given ones (a list: contain all of its members)."""
        ...

    def postings(self, terms: Sequence[str]) -> dict[str, Postings]: ...

    def nearest(self, vector: Vector, allowed: NDArray[np.bool_], count: int) -> Positions:
        """The `count` or more nearest among the allowed; exact where the scope is small."""
        ...

    def cosines(self, vector: Vector, positions: Positions) -> tuple[Floats, NDArray[np.bool_]]:
        """The exact cosine of each, and whether it has a vector at all (0 where not)."""
        ...


class MemoryStore(Protocol):
    def add(self, memories: Sequence[NewMemory]) -> Future[None]: ...

    def delete(self, memory_id: str) -> Future[bool]:
        """Whether there was one."""
        ...

    def fetch(self, seqs: Sequence[int]) -> dict[int, Memory]: ...

    def view(self, user_id: str | None) -> View:
        """The memories of a user; None: of the whole tenant."""
        ...

    def record_recalls(self, seqs: Sequence[int], now: float, not_since: float) -> Future[int]:
        """Counts a recall for those that had none after `not_since`; how many did."""
        ...

    def faded(self) -> list[FadedMemory]: ...

    def record_fading(
        self, fade: Mapping[int, float], unfade: Sequence[int], purge: Mapping[int, float], now: float
    ) -> Future[int]:
        """Records a forgetting run; `fade` and `purge` give the anchor that decided, and one recalled since is spared.

        The result is how many were purged.
        """
        ...

    def note(self, name: str) -> str | None:
        """A small fact that outlives a restart."""
        ...

    def write_notes(self, notes: Mapping[str, str]) -> Future[None]: ...

    def pauses(self) -> list[tuple[float, float]]: ...

    def record_pause(self, start: float, end: float) -> Future[None]: ...

    def totals(self) -> Totals: ...

    def size_bytes(self) -> int: ...

    def maintain(self) -> str:
        """Compacts, checks and tidies up; a sentence about the outcome."""
        ...

    def close(self) -> None: ...
