"""What the vector index asks of the truth: what it lacks, what it holds too much, and the seal of its last rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class PendingEntry:
    seq: int
    vector: bytes | None
    """In float16; None: it has to leave the index."""


class IndexSource(Protocol):
    """What the index asks of the truth."""

    def space(self) -> str:
        """What made the vectors, and their length: those of two spaces are never compared."""
        ...

    def memories_of(self, owner: int) -> int: ...

    def pending(self, limit: int) -> int:
        """How many entries are, up to the limit."""
        ...

    def pending_entries(self, limit: int) -> Sequence[PendingEntry]: ...

    def pending_bytes(self) -> int:
        """About how much larger the index grows by what is pending."""
        ...

    def settle(self, entries: Sequence[PendingEntry]) -> None:
        """The index has these as they are given; what has changed since stays pending."""
        ...

    def all_pending(self) -> None:
        """The index is empty: every vector has to be written."""
        ...

    def written(self) -> int:
        """How many vectors were written since it was empty."""
        ...

    def vectors(self) -> int: ...

    def seal(self) -> str: ...

    def record_seal(self, seal: str) -> None: ...
