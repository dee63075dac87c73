"""Memories, as the service's answers have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from memorybank.record import Record, Results

State = Literal["active", "faded", "expired", "superseded"]
"""`active`: searches find it; `faded`: forgotten, and `restore` brings it back; a newer fact has `superseded` it."""


@dataclass(frozen=True, kw_only=True)
class Memory(Record):
    """What somebody said (`kind` "turn"), or a fact that a model made of it ("fact")."""

    aliases: ClassVar[frozenset[str]] = frozenset({"memory", "session_id"})

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


@dataclass(frozen=True, kw_only=True)
class AddedMemory(Memory):
    """A memory as it was stored."""

    is_new: bool = True
    """False: it was there already, word for word under the same id."""
    degraded: tuple[str, ...] = ()
    """What was asked for and will not be done, each a sentence."""


@dataclass(frozen=True, kw_only=True)
class AddedMemories(Record, Results[AddedMemory]):
    """The turns of a conversation as they were stored; to be read like a list."""

    results: tuple[AddedMemory, ...]
    degraded: tuple[str, ...] = ()
    """What was asked for and will not be done, each a sentence."""


@dataclass(frozen=True, kw_only=True)
class AddedId(Record):
    """The id of a memory that was stored among many."""

    id: str
    is_new: bool = True
    """False: it was there already, word for word under the same id."""


@dataclass(frozen=True, kw_only=True)
class AddedIds(Record, Results[AddedId]):
    """The ids of many memories, in the order in which they were given; to be read like a list."""

    results: tuple[AddedId, ...]
    degraded: tuple[str, ...] = ()
    """What was asked for and will not be done, each a sentence."""


@dataclass(frozen=True, kw_only=True)
class FoundMemory(Record):
    """A memory as `retrieve_memories` answers it; `score` orders one answer, `timestamp` is when it was said."""

    memory_id: str
    content: str
    timestamp: datetime
    score: float
    importance: float
    access_count: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChatAnswer(Record):
    """What the language model answered."""

    response: str
    model_used: str
    """As `provider/model`."""
    memories_used: tuple[FoundMemory, ...] = ()
    """What the model was told of, the best first."""


@dataclass(frozen=True, kw_only=True)
class SearchResult(Memory):
    """A memory that a search found."""

    score: float
    """Orders one answer; says nothing across answers."""
    similarity: float
    """From 0 to 1, what `threshold` compares: the cosine; for a hit by words alone the share of the query's terms."""
    retention: float
    """From 1, just stored or recalled, down to 0."""
    explain: Mapping[str, float] | None = None
    """The parts that the score is the sum of, where they were asked for."""
    neighbors: tuple[Memory, ...] = ()
    """What was said just before and after it in its run, where that was asked for."""


@dataclass(frozen=True, kw_only=True)
class SearchResults(Record, Results[SearchResult]):
    """The answer to a search, best first; to be read like a list."""

    results: tuple[SearchResult, ...]
    degraded: tuple[str, ...] = ()
    """What could not be used for it, each a sentence; empty where everything was."""


@dataclass(frozen=True, kw_only=True)
class Context(Record):
    """Memories as a text that is ready for a prompt."""

    text: str
    memories: tuple[SearchResult, ...]
    """Those in the text, in its order."""
    tokens: int
    """How many it has, about."""
    degraded: tuple[str, ...] = ()
    """What could not be used for it, each a sentence."""


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
class Event(Record):
    """One line of a memory's history."""

    aliases: ClassVar[frozenset[str]] = frozenset({"event", "old_memory", "new_memory", "created_at"})

    id: int
    memory_id: str
    action: Literal["ADD", "UPDATE", "DELETE", "SUPERSEDE", "RESTORE"]
    old_content: str | None = None
    new_content: str | None = None
    at: datetime
    actor: str | None = None
    """The name of the key, or `service`."""
