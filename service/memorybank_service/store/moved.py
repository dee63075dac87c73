"""What moves between stores, beside memories: as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memorybank_service.store.records import Action, Event, Memory, NewMemory, SummaryKind

SAME_MOMENT = 0.001
"""Seconds by which a time that was written out and read again may differ."""


@dataclass(frozen=True)
class MovedMemory:
    """A memory as it leaves a store."""

    memory: Memory
    sources: Sequence[str]
    """Ids of what a fact was made of."""
    events: Sequence[Event]
    vector: bytes | None
    """As it is kept: float16, little-endian, in the store's space."""


@dataclass(frozen=True)
class Arrival:
    """A memory as it comes into one: `memory` with its anchor set back by what had passed."""

    memory: NewMemory
    updated_at: float | None = None
    """None: as it was stored."""
    recalled_at: float | None = None
    superseded_by: str | None = None
    added_by: str | None = None


@dataclass(frozen=True)
class MovedEvent:
    user_id: str
    memory_id: str
    action: Action
    old_content: str | None
    new_content: str | None
    at: float
    actor: str | None


@dataclass(frozen=True)
class MovedTombstone:
    user_id: str
    digest: bytes
    at: float


@dataclass(frozen=True)
class MovedSummary:
    user_id: str
    kind: SummaryKind
    day: str
    text: str
    sources: Sequence[str]
    model: str
    made_at: float


MovedRest = MovedEvent | MovedTombstone | MovedSummary
Moved = Arrival | MovedRest


@dataclass(frozen=True)
class Inventory:
    """How much there is to move."""

    memories: int
    users: int
    tombstones: int
    summaries: int


@dataclass(frozen=True)
class SpooledLine:
    value: Mapping[str, Any]
    end: int
    """Where in the file the next one begins."""
