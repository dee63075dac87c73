"""What else the service answers: runs of the forgetting, users and what is known of them, jobs, copies and erasures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from memorybank.memory import Memory
from memorybank.record import Record, Results

JobState = Literal["queued", "running", "succeeded", "dead", "cancelled"]
"""`dead`: given up after its retries; `retry_job` tries it again."""


@dataclass(frozen=True, kw_only=True)
class ForgettingRun(Record):
    """What a run of the forgetting came to."""

    dry_run: bool = False
    timestamp: datetime
    faded: int
    """Memories that are faded now."""
    purged: int
    """Memories that this run deleted for good."""


@dataclass(frozen=True, kw_only=True)
class User(Record):
    user_id: str
    memories: int
    """In whichever state."""


@dataclass(frozen=True, kw_only=True)
class Made(Record):
    """A text that a language model made."""

    text: str
    source_ids: tuple[str, ...]
    """Of the memories that were read for it; it goes with any of them."""
    model: str
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class Profile(Record):
    """What is known of a user as a whole."""

    user_id: str
    portrait: Made | None
    strategy: Made | None
    """How to answer this user."""
    summary: Made | None
    """Of all days."""
    memories: int
    """That were said, in whichever state."""
    facts: int
    """That were drawn from them."""
    first_seen: datetime
    """When the first of it was said."""
    last_seen: datetime
    degraded: tuple[str, ...] = ()
    """What keeps it from being made or renewed, each a sentence."""


@dataclass(frozen=True, kw_only=True)
class Day(Record):
    """A day, in UTC, on which something was said."""

    day: date
    memories: int
    summary: Made | None = None
    insight: Made | None = None
    """What the day shows of the user."""
    opening: str | None = None
    """In a timeline, of a day that is not summed up: how it began."""
    facts: tuple[Memory, ...] = ()
    """In a timeline: what was learnt on it, the most important first."""


@dataclass(frozen=True, kw_only=True)
class Timeline(Record, Results[Day]):
    """Days, the latest first; to be read like a list."""

    user_id: str
    results: tuple[Day, ...]
    next_cursor: str | None
    """What to ask for the days before these with; None: there are none."""
    degraded: tuple[str, ...] = ()
    """What keeps the days from being summed up, each a sentence."""


@dataclass(frozen=True, kw_only=True)
class Summaries(Timeline):
    """The days that were summed up, the latest first; to be read like a list."""

    overall: Made | None


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """Work in the background that outlives a restart."""

    id: str
    kind: str
    state: JobState
    user_id: str | None = None
    """Whose data it works on, where it is somebody's in particular."""
    attempts: int = 0
    due: datetime | None = None
    """When it is tried, at the earliest."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: str | None = None
    """Of the last attempt, a sentence."""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        return self.state in {"succeeded", "dead", "cancelled"}


@dataclass(frozen=True, kw_only=True)
class Backup(Record):
    """A copy of everything, on the tenant's own volume."""

    id: str
    created_at: datetime
    """The moment of which it holds everything."""
    bytes: int
    sha256: str
    """Of the file, hexadecimal."""
    memories: int
    users: int
    schema: int
    """A service that knows a lower one cannot open it."""
    space: str
    """What the vectors in it were made by."""


@dataclass(frozen=True, kw_only=True)
class Erasure(Record):
    """The receipt of erasing a user."""

    id: str
    user: str
    """A digest of the user's id under a key that never leaves the store."""
    erased_at: datetime
    counts: Mapping[str, int]
    """What was erased, by kind."""
    sha256: str
    """Of the four before it."""


@dataclass(frozen=True, kw_only=True)
class ErasureReceipt(Erasure):
    """The receipt, with what it does not cover."""

    backups: tuple[str, ...] = ()
    """Made before, on the tenant's volume: the user is still in them."""
    removed_backups: tuple[str, ...] = ()
    files_clean: bool = True
    """False: a long read was in the way; maintenance overwrites what is left."""
