"""What the service's answers are made of. Times are datetimes in UTC; what a newer service adds stands in `extra`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, overload

T = TypeVar("T")

State = Literal["active", "faded", "expired", "superseded"]
"""`active`: searches find it; `faded`: forgotten, and `restore` brings it back; a newer fact has `superseded` it."""

JobState = Literal["queued", "running", "succeeded", "dead", "cancelled"]
"""`dead`: given up after its retries; `retry_job` tries it again."""


class Results(Sequence[T]):
    """An answer that is read like a list of its results."""

    results: tuple[T, ...]

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.results[index]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What somebody said (`kind` "turn"), or a fact that a model made of it ("fact")."""

    id: str
    content: str
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    """The conversation that it belongs to."""
    speaker: str | None = None
    created_at: datetime
    """When it was said."""
    stored_at: datetime
    """When the service got it: its retention falls from here on, or from its last recall."""
    updated_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    importance: float = 0.5
    """From 0 to 1."""
    pinned: bool = False
    """A pinned memory never fades."""
    expires_at: datetime | None = None
    state: State = "active"
    kind: Literal["turn", "fact"] = "turn"
    source_ids: tuple[str, ...] | None = None
    """Of a fact: the memories that it was made of."""
    superseded_by: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class AddedMemory(Memory):
    """A memory as it was stored."""

    is_new: bool = True
    """False: it was there already, word for word under the same id."""
    degraded: tuple[str, ...] = ()
    """What was asked for and will not be done, each a sentence."""


@dataclass(frozen=True, kw_only=True)
class AddedMemories(Results[AddedMemory]):
    """The turns of a conversation as they were stored; to be read like a list."""

    results: tuple[AddedMemory, ...]
    degraded: tuple[str, ...] = ()
    """What was asked for and will not be done, each a sentence."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class AddedId:
    """The id of a memory that was stored among many."""

    id: str
    is_new: bool = True
    """False: it was there already, word for word under the same id."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class FoundMemory:
    """A memory as `retrieve_memories` answers it; `score` orders one answer, `timestamp` is when it was said."""

    memory_id: str
    content: str
    timestamp: datetime
    score: float
    importance: float
    access_count: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list."""

    results: tuple[T, ...]
    next_cursor: str | None
    """What to ask the next part with; None: this is the last."""
    total: int | None = None
    """On all pages together, where the service says so."""


@dataclass(frozen=True, kw_only=True)
class SearchResult(Memory):
    """A memory that a search found."""

    score: float
    """Orders one answer; says nothing across answers."""
    similarity: float
    """From 0 to 1, what `threshold` compares: the cosine; for a hit by words alone the share of the query's terms."""
    retention: float
    """From 1, just stored or recalled, down to 0."""
    explain: Mapping[str, Any] | None = None
    """How the score came to be, where it was asked for."""
    neighbors: tuple[Memory, ...] = ()
    """What was said just before and after it, where it was asked for."""


@dataclass(frozen=True, kw_only=True)
class SearchResults(Results[SearchResult]):
    """The answer to a search, best first; to be read like a list."""

    results: tuple[SearchResult, ...]
    degraded: tuple[str, ...] = ()
    """What could not be used for it, each a sentence; empty where everything was."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Memories as a text that is ready for a prompt."""

    text: str
    memories: tuple[SearchResult, ...]
    """Those that the text was made of."""
    tokens: int
    """How long it is, about."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a memory's history."""

    id: int | str
    memory_id: str
    action: str
    old_content: str | None = None
    new_content: str | None = None
    at: datetime
    actor: str | None = None
    """The name of the key, or `service`."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class ForgettingRun:
    """What a run of the forgetting came to."""

    dry_run: bool = False
    timestamp: datetime
    faded: int
    """Memories that are faded now."""
    purged: int
    """Memories that this run deleted for good."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Outlook(Memory):
    """A memory with what the forgetting has in store for it, if nobody recalls it and the service goes on running."""

    retention: float
    """From 1 down to 0: e^(-t/S)."""
    strength: int
    """S: 1, and 1 more for each recall that counted."""
    threshold: float
    """Below this retention it is faded."""
    fades_at: datetime | None = None
    """When it does, or did; None: never."""
    fades_in_next_run: bool = False
    """Whether the next run is the first to find it faded."""
    purge_due: datetime | None = None
    """From when on a run deletes it for good; None: never, or not known yet."""
    purged_in_next_run: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class User:
    user_id: str
    memories: int
    """In whichever state."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Job:
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
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_finished(self) -> bool:
        return self.state in {"succeeded", "dead", "cancelled"}
