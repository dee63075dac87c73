"""What is true about a tenant's memories, on disk, and the indexes made from it.

`MemoryStore` is all that the layers above know. Its methods block, so they are called off the event loop; writes
give a future that is done once the write is on disk and every later search sees it.

StoreError
  StoreFullError     no room for a write
  ConflictError      a write contradicts what is there
  JobGoneError       a job that is not under way any more cannot write
  BasisGoneError     what a write was made of has changed
  BrokenOffError     long work that ended early because the service ends
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store.filters import Filter, Value
from memorybank_service.store.parts import Backups, Erasures, Purged, Spaces, Spooling, Transfer, Upkeep
from memorybank_service.store.people import People
from memorybank_service.store.records import (
    NO_USER,
    NOTHING_ALONG,
    WHOLE_TENANT,
    Added,
    Along,
    Amendment,
    Backup,
    Basis,
    Entity,
    EntityKind,
    Erasure,
    Event,
    Job,
    JobEnd,
    JobProgress,
    JobState,
    KeptReply,
    KeptSummary,
    Memory,
    NewJob,
    NewMemory,
    Receipt,
    Scope,
    Space,
    SummaryKind,
    Vector,
)

__all__ = [
    "MemoryStore",
    "View",
    "Roster",
    "Postings",
    "Positions",
    "Floats",
    "Vector",
    "Filter",
    "Value",
    "Scope",
    "Space",
    "Spaces",
    "Upkeep",
    "Transfer",
    "Spooling",
    "Purged",
    "Backup",
    "Backups",
    "Erasure",
    "Erasures",
    "NO_USER",
    "WHOLE_TENANT",
    "Memory",
    "NewMemory",
    "Added",
    "Amendment",
    "Along",
    "Basis",
    "NOTHING_ALONG",
    "People",
    "Entities",
    "Entity",
    "EntityKind",
    "Event",
    "Receipt",
    "KeptReply",
    "KeptSummary",
    "SummaryKind",
    "Job",
    "JobEnd",
    "JobProgress",
    "JobState",
    "NewJob",
    "FadedMemory",
    "Totals",
    "StoreError",
    "StoreFullError",
    "ConflictError",
    "JobGoneError",
    "BasisGoneError",
    "BrokenOffError",
]

Positions = NDArray[np.intp]
"""Places in a roster, ascending."""
Floats = NDArray[np.float64]


class StoreError(Exception):
    """The store cannot be used; the message is a sentence for the operator of the service."""


class StoreFullError(StoreError):
    """The volume has no room for this write; nothing of it was kept."""


class ConflictError(StoreError):
    """The write contradicts what is there; nothing of it was kept."""


class JobGoneError(StoreError):
    """The job was cancelled, or erased with its user; nothing of what it wrote was kept."""


class BasisGoneError(StoreError):
    """What it was made of is gone or was changed; nothing of it was kept."""


class BrokenOffError(StoreError):
    """The service ends: what was under way goes on after the next start."""


@dataclass(frozen=True)
class Roster:
    """What deciding and ranking need about every memory of a scope, by position, in the order of arrival."""

    seq: NDArray[np.int64]
    anchor: Floats
    recalls: NDArray[np.int32]
    pinned: NDArray[np.bool_]
    expires_at: Floats
    """Infinity: never."""
    created_at: Floats
    words: NDArray[np.int32]
    marks: NDArray[np.uint8]
    """Of its words: `marks.ASKS`, `marks.TELLS_TIME`."""
    embedded: NDArray[np.bool_]
    """It has a vector."""
    session: NDArray[np.int32]
    """A number for its run, the same for those of one user's and one agent's run; -1: it belongs to none."""
    agent: NDArray[np.int32]
    speaker: NDArray[np.int32]
    """A number for whoever said it; -1: nobody is named."""
    linked: NDArray[np.bool_]
    """A turn of a run, so it has neighbours."""
    previous: NDArray[np.int32]
    """Where the turn stands that was said before it in its session; -1: there is none.

    What is deleted is nobody's neighbour.
    """
    superseded: NDArray[np.bool_]
    """Another fact has taken its place."""
    alive: NDArray[np.bool_]
    """False once it is deleted."""
    memo: dict[str, object] = field(default_factory=dict, compare=False)
    """What one search made of the roster and the next may want again; empty again once anything of it has changed that
    is not about its retention."""

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
    """In which memories a term stands, and how often (63 at most)."""

    positions: NDArray[np.int32]
    counts: NDArray[np.uint8]


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
    dimension: int
    """Of its vectors: one of another length cannot be compared with them."""

    def within(self, agent_id: str | None, run_id: str | None) -> NDArray[np.bool_]:
        """Those of the agent and of the run; None: of any."""
        ...

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        """Raises FilterError where the filter asks what cannot be asked."""
        ...

    def speakers_named(self, said: Sequence[str]) -> dict[int, frozenset[str]]:
        """Which of the roster's speakers these tokens (`words.tokens`) name, each with the tokens that do."""
        ...

    def postings(self, terms: Sequence[str]) -> dict[str, Postings]: ...

    def scan(self, vector: Vector) -> NDArray[np.float32] | None:
        """The exact cosine of every position, 0 where there is no vector; None where the scope is too large for it."""
        ...

    def nearest(self, vector: Vector, allowed: NDArray[np.bool_], count: int) -> Positions:
        """The `count` or more nearest among the allowed, for a scope that is too large to be scanned."""
        ...

    def cosines(self, vector: Vector, positions: Positions) -> NDArray[np.float32]:
        """The exact cosine of each, 0 where there is no vector."""
        ...


class Entities(Protocol):
    def listed(self, limit: int, offset: int) -> list[Entity]:
        """Users first, then agents, apps and runs, each by name."""
        ...

    def counted(self) -> dict[EntityKind, int]: ...

    def superseded_by(self, memory_id: str) -> list[str]:
        """The ids of the facts whose place it took, at first or second hand."""
        ...


class MemoryStore(Protocol):
    # Memories

    def add(self, memories: Sequence[NewMemory], along: Along = NOTHING_ALONG) -> Future[list[Added]]:
        """All of them or none; ConflictError where an id belongs to another memory."""
        ...

    def amend(
        self, memory_id: str, amendment: Amendment, now: float, along: Along = NOTHING_ALONG
    ) -> Future[Memory | None]:
        """The memory as it is then; None if there is none."""
        ...

    def restore(self, memory_id: str, now: float, along: Along = NOTHING_ALONG) -> Future[Memory | None]:
        """As fresh as on the day it arrived, out of whatever kept it from being found."""
        ...

    def delete(self, memory_ids: Sequence[str], now: float, along: Along = NOTHING_ALONG) -> Future[int]:
        """With all that was made of them alone; how many of the ids there were."""
        ...

    def fetch(self, seqs: Sequence[int]) -> dict[int, Memory]: ...

    def find(self, memory_id: str) -> Memory | None: ...

    def sources(self, seq: int) -> list[str]:
        """The ids of the memories that a fact was made of."""
        ...

    def facts_of(self, seq: int) -> list[str]:
        """The ids of the facts that were made of a memory, be it with others."""
        ...

    def history(self, memory_id: str) -> list[Event]:
        """What happened to it since it arrived, also once it is deleted."""
        ...

    def tombstones(self, user_id: str) -> set[bytes]:
        """Digests (`tombstones.digest_of`) of the user's facts that somebody deleted."""
        ...

    def view(self, user_id: str | None) -> View:
        """The memories of a user; None: of the whole tenant."""
        ...

    def users(self, after: str = NO_USER, limit: int | None = None) -> list[tuple[str, int]]:
        """The users whose ids follow `after`, each with the number of memories; `NO_USER` is not one."""
        ...

    @property
    def entities(self) -> Entities:
        """Who there are memories of."""
        ...

    @property
    def people(self) -> People:
        """What a model made of users' days, and when they talked about what."""
        ...

    # Forgetting

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

    # Vectors that come later than the words

    @property
    def space(self) -> str:
        """The name of what made the vectors: those of two names are never compared."""
        ...

    @property
    def spaces(self) -> Spaces: ...

    def embeddings_pending(self) -> int: ...

    def when_unembedded(self, call: Callable[[], None]) -> None:
        """To be called, from any thread, once something is on disk that waits for its vector."""
        ...

    def pending_embeddings(self, limit: int, without: Collection[int] = ()) -> list[Memory]:
        """The longest waiting first; `without`: not these."""
        ...

    def set_vectors(self, vectors: Mapping[int, tuple[float, Vector]], space: str) -> Future[int]:
        """By number, each with the `updated_at` of the words it was made of: what changed since is left waiting.

        Nothing is written where `space` is not the store's. How many were written.
        """
        ...

    # Idempotency

    def reply(self, key_name: str, route: str, idempotency_key: str, now: float) -> KeptReply | None: ...

    def keep_reply(self, receipt: Receipt, result: object) -> Future[None]:
        """For what does not fit into one commit, once it has been done; the answer shows nobody's memories."""
        ...

    # Work that waits

    def enqueue(self, job: NewJob, now: float, along: Along = NOTHING_ALONG) -> Future[Job]:
        """The job, or the one of its key that waits already."""
        ...

    def take_job(self, now: float, kinds: frozenset[str]) -> Future[Job | None]: ...

    def end_job(self, ended: JobEnd, now: float) -> Future[None]: ...

    def put_off_job(self, job_id: str, due: float, error: str, now: float, *, counted: bool = True) -> Future[None]:
        """`counted`: it has used up one of its attempts."""
        ...

    def give_up_job(self, job_id: str, error: str, now: float) -> Future[None]: ...

    def note_progress(self, job_id: str, progress: Mapping[str, object], now: float) -> Future[None]: ...

    def cancel_job(self, job_id: str, now: float, along: Along = NOTHING_ALONG) -> Future[Job | None]:
        """As it is then; None, and nothing goes along, where it is not queued or running."""
        ...

    def retry_job(self, job_id: str, now: float, along: Along = NOTHING_ALONG) -> Future[Job | None]:
        """As it is then; None, and nothing goes along, where it is not dead or cancelled, or another one waits."""
        ...

    def job(self, job_id: str) -> Job | None: ...

    def jobs(
        self,
        state: JobState | None = None,
        kind: str | None = None,
        limit: int = 100,
        after: tuple[float, str] | None = None,
    ) -> list[Job]:
        """The newest first; `after`: behind the one of this `created_at` and id."""
        ...

    def waiting_jobs(self, kind: str, user_id: str, now: float, limit: int) -> list[Job]:
        """Queued ones of a user that are due, the longest waiting first."""
        ...

    def count_jobs(self) -> dict[tuple[str, JobState], int]:
        """By kind and state; what there is none of is left out."""
        ...

    def count_tokens(self, tokens: int, now: float) -> Future[None]:
        """Of a language model, beside those of the jobs."""
        ...

    def tokens_used(self, now: float) -> int:
        """Of a language model, on this UTC day so far."""
        ...

    # The store itself

    def note(self, name: str) -> str | None:
        """A small fact that outlives a restart."""
        ...

    def write_notes(self, notes: Mapping[str, str]) -> Future[None]: ...

    def pauses(self) -> list[tuple[float, float]]: ...

    def record_pause(self, start: float, end: float) -> Future[None]: ...

    def totals(self) -> Totals: ...

    def size_bytes(self) -> int: ...

    def tend(self) -> None:
        """Small things that are due every minute or so."""
        ...

    @property
    def upkeep(self) -> Upkeep: ...

    @property
    def erasures(self) -> Erasures: ...

    @property
    def backups(self) -> Backups: ...

    @property
    def transfer(self) -> Transfer: ...

    @property
    def spool(self) -> Spooling: ...

    def break_off(self) -> None:
        """Long work that is under way in other threads ends soon, with BrokenOffError."""
        ...

    def close(self) -> None: ...
