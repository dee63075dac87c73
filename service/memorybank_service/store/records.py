"""What the store keeps, as values: memories, what happened to them, work that waits, answers that were given.

All times are seconds since 1970, UTC.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

NO_USER = ""
"""The user of memories that were stored without one."""

GONE = ""
"""Instead of the id of what has taken a fact's place: it was deleted, and the fact stays superseded."""

Kind = Literal["turn", "fact"]
"""What was said, or what a model made of it."""

JobState = Literal["queued", "running", "succeeded", "dead", "cancelled"]
"""`dead`: given up after its retries, until somebody asks for another."""


@dataclass(frozen=True)
class Scope:
    """Whose memories: a user's (`NO_USER`: those without one; None: the whole tenant's), of one agent, of one run."""

    user_id: str | None = NO_USER
    agent_id: str | None = None
    run_id: str | None = None


WHOLE_TENANT = Scope(user_id=None)


@dataclass(frozen=True)
class Space:
    """What made the vectors, and how long they are."""

    name: str
    """Provider and model."""
    dimension: int
    """0: not known before the first vector arrives."""


@dataclass(frozen=True)
class NewMemory:
    id: str
    content: str
    created_at: float
    """When it was said."""
    stored_at: float
    user_id: str = NO_USER
    agent_id: str | None = None
    run_id: str | None = None
    speaker: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    vector: Vector | None = None
    """None: it waits to be embedded, and is found by its words until then."""
    importance: float = 0.5
    pinned: bool = False
    expires_at: float | None = None
    kind: Kind = "turn"
    sources: Sequence[str] = ()
    """Ids of the memories that a fact was made of."""
    supersedes: Sequence[str] = ()
    """Ids of the facts whose place it takes."""
    anchor: float | None = None
    """None: `stored_at`. Given where a memory moves from another store with what is left of it."""
    recalls: int = 0


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
    kind: Kind
    superseded_by: str | None
    """The id of the fact that has taken its place; `GONE` where that one was deleted."""
    added_by: str | None
    """The name of the key, or `service`; None: not known."""


@dataclass(frozen=True)
class Added:
    """The memory as it is kept, and whether it is new: one that was there already, word for word, is not."""

    memory: Memory
    is_new: bool


@dataclass(frozen=True)
class Amendment:
    """What changes about a memory; a field that is None stays as it is."""

    content: str | None = None
    vector: Vector | None = None
    """Of the new content; None with a content: it waits to be embedded."""
    metadata: Mapping[str, object] | None = None
    importance: float | None = None
    pinned: bool | None = None
    expires_at: float | None = None
    never_expires: bool = False
    """Takes an expiry away."""
    speaker: str | None = None
    created_at: float | None = None


Action = Literal["ADD", "UPDATE", "DELETE", "SUPERSEDE", "RESTORE"]


@dataclass(frozen=True)
class Event:
    """One line of a memory's history. The texts of what is deleted are gone from it too."""

    id: int
    memory_id: str
    action: Action
    old_content: str | None
    new_content: str | None
    at: float
    actor: str | None
    """The name of the key, or `service`; None: not known."""


EntityKind = Literal["user", "agent", "app", "run"]


@dataclass(frozen=True)
class Entity:
    """Somebody or something that there are memories of."""

    kind: EntityKind
    name: str
    memories: int
    first_at: float
    """When the first of them arrived."""
    last_at: float
    """When one of them last changed."""


SummaryKind = Literal["day", "insight", "overall", "portrait", "strategy"]
"""Of what was said on one day: the events, and what they show of the user. Of all days: one summary, what the user is
like, and how to answer them."""
OF_A_DAY: frozenset[SummaryKind] = frozenset({"day", "insight"})
OF_ALL_DAYS = ""


@dataclass(frozen=True)
class KeptSummary:
    """What a model made of a user's days."""

    kind: SummaryKind
    day: str
    """As `2027-01-15`, UTC, or `OF_ALL_DAYS`."""
    text: str
    sources: tuple[str, ...]
    """Of one of a day the ids of the memories that were read for it, of the others the days."""
    model: str
    made_at: float


@dataclass(frozen=True)
class Receipt:
    """Under which idempotency key a write's answer is kept; it is committed with the write."""

    key_name: str
    route: str
    idempotency_key: str
    digest: bytes
    """Of the request's body."""
    at: float
    status: int
    answer: Callable[[object], str]
    """The body of the answer, from the write's result."""


@dataclass(frozen=True)
class KeptReply:
    digest: bytes
    status: int
    body: str


@dataclass(frozen=True)
class NewJob:
    kind: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    user_id: str | None = None
    """Whose data it works on: erased with them. None: nobody's in particular."""
    due: float = 0.0
    key: str | None = None
    """Of two queued jobs of one key only the first is kept."""
    id: str | None = None


@dataclass(frozen=True)
class Job:
    id: str
    kind: str
    arguments: dict[str, object]
    user_id: str | None
    state: JobState
    attempts: int
    due: float
    progress: dict[str, object]
    result: dict[str, object] | None
    error: str | None
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class JobEnd:
    """How a job ends, committed with what it wrote."""

    job_id: str
    result: Mapping[str, object]
    tokens: int = 0
    """Of a language model, counted to the day's."""
    together: Sequence[str] = ()
    """Queued jobs that were done along with it, and end with it."""


@dataclass(frozen=True)
class Basis:
    """What a write was made of. Where it is not so any more when it would be committed, nothing is written."""

    user_id: str
    memories: Mapping[str, float] = field(default_factory=dict)
    """By id, when they last changed."""
    summaries: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By kind and day, when they were made."""
    unburied: Collection[bytes] = ()
    """Digests of facts that nobody has deleted."""


@dataclass(frozen=True)
class JobProgress:
    """How far a job is with what it writes: after a kill it goes on exactly there."""

    job_id: str
    figures: Mapping[str, object]


@dataclass(frozen=True)
class Along:
    """What is committed together with a write, or not at all."""

    jobs: Sequence[NewJob] = ()
    ends: JobEnd | None = None
    progress: JobProgress | None = None
    receipt: Receipt | None = None
    basis: Basis | None = None
    actor: str | None = None
    """Who writes, for the history."""


NOTHING_ALONG = Along()


@dataclass(frozen=True)
class Erasure:
    """The receipt of one: nobody can tell from it whom it is about without having the store."""

    id: str
    user: str
    """The hexadecimal HMAC-SHA-256 of the user's id, under a key of the store's own."""
    at: float
    counts: dict[str, int]
    """What was erased, by kind."""
    sha256: str
    """Of the rest of it."""


@dataclass(frozen=True)
class Backup:
    """A copy of the store on its own volume."""

    id: str
    created_at: float
    bytes: int
    sha256: str
    """Of the file."""
    memories: int
    users: int
    schema: int
    space: str
    """What the vectors in it were made by."""
