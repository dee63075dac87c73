"""Memories one by one: adding, reading, changing, restoring, pinning and deleting them."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from memorybank_service.embedding.texts import embedded_text
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import Jobs
from memorybank_service.memory.retention import MemoryState
from memorybank_service.store import (
    NO_USER,
    NOTHING_ALONG,
    Added,
    Along,
    Amendment,
    Event,
    Memory,
    NewJob,
    NewMemory,
    Vector,
)

T = TypeVar("T")
ACTIVE: frozenset[MemoryState] = frozenset({"active"})
EVERY_STATE: frozenset[MemoryState] = frozenset({"active", "faded", "expired", "superseded"})
EXTRACT = "extract"
"""The kind of job that draws facts from memories."""
NO_MODEL = "No language model is configured: the words are stored, and no facts are drawn from them."
_EXTRACTED_AT_ONCE = 50


@dataclass(frozen=True)
class Draft:
    """A memory as a client gives it; times are seconds since 1970."""

    content: str
    user_id: str = NO_USER
    agent_id: str | None = None
    run_id: str | None = None
    speaker: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    id: str | None = None
    """None: one is made."""
    created_at: float | None = None
    """When it was said; None: now."""
    importance: float = 0.5
    pinned: bool = False
    expires_at: float | None = None
    infer: bool = False
    """Facts are drawn from it in the background, where a language model is configured."""


@dataclass(frozen=True)
class Kept:
    """A memory with what forgetting makes of it now."""

    memory: Memory
    state: MemoryState
    retention: float
    sources: Sequence[str] = ()
    """Ids of the memories that a fact was made of."""


@dataclass(frozen=True)
class Stored:
    kept: Kept
    is_new: bool
    """False: it was there already, word for word under the same id."""


def kept(footing: Footing, memory: Memory) -> Kept:
    """As it stands now; blocks for a fact, whose sources are looked up."""
    sources = footing.store.sources(memory.seq) if memory.kind == "fact" else ()
    return Kept(memory, *footing.state_of(memory), sources)


class Keeping:
    """Where a write takes an `along` with a receipt, its answer is made from what the method returns."""

    def __init__(self, footing: Footing, jobs: Jobs) -> None:
        self._on, self._jobs = footing, jobs

    async def add(self, drafts: Sequence[Draft], along: Along = NOTHING_ALONG) -> list[Stored]:
        """All of them or none, in their order; when this returns, they are on disk and every search finds them.

        Raises ConflictError where a given id belongs to another memory.
        """
        vectors = await self._on.vectors.for_writing([embedded_text(draft.content, draft.speaker) for draft in drafts])
        now = self._on.now()
        new = [new_memory(draft, now, vector) for draft, vector in zip(drafts, vectors, strict=True)]
        extraction = self.extraction(drafts, new)
        along = replace(along, jobs=[*along.jobs, *extraction])
        added = await asyncio.wrap_future(self._on.store.add(new, _answering(along, self._stored)))
        if extraction:
            self._jobs.notice()
        return await self._on.read(self._stored, added)

    def degraded(self, drafts: Sequence[Draft]) -> list[str]:
        """What will not be done of what the drafts ask for, each a sentence."""
        return [] if self._jobs.knows(EXTRACT) or not any(draft.infer for draft in drafts) else [NO_MODEL]

    async def get(self, memory_id: str) -> Kept | None:
        return await self._on.read(self._find, memory_id)

    async def amend(self, memory_id: str, amendment: Amendment, along: Along = NOTHING_ALONG) -> Kept | None:
        """None if there is no such memory. New words are embedded anew; strength and age stay.

        Facts that were drawn from the old words alone go with them, and are drawn from the new ones.
        """
        learnt = False
        if amendment.content is not None or amendment.speaker is not None:
            memory = await self._on.read(self._on.store.find, memory_id)
            if memory is None:
                return None
            speaker = memory.speaker if amendment.speaker is None else amendment.speaker
            text = embedded_text(amendment.content or memory.content, speaker)
            [vector] = await self._on.vectors.for_writing([text])
            amendment = replace(amendment, vector=vector)
            if amendment.content not in (None, memory.content) and self._jobs.knows(EXTRACT):
                learnt = bool(await self._on.read(self._on.store.facts_of, memory.seq))
            if learnt:
                again = NewJob(EXTRACT, {"memory_ids": [memory_id]}, memory.user_id)
                along = replace(along, jobs=[*along.jobs, again])
        along = _answering(along, self._kept_or_none)
        amended = await self._changed(self._on.store.amend(memory_id, amendment, self._on.now(), along))
        if learnt:
            self._jobs.notice()
        return amended

    async def restore(self, memory_id: str, along: Along = NOTHING_ALONG) -> Kept | None:
        """Out of fading, expiry and supersession, as fresh as on the day it arrived; None if there is none."""
        along = _answering(along, self._kept_or_none)
        return await self._changed(self._on.store.restore(memory_id, self._on.now(), along))

    async def pin(self, memory_id: str, pinned: bool, along: Along = NOTHING_ALONG) -> Kept | None:
        """A pinned memory never fades."""
        return await self.amend(memory_id, Amendment(pinned=pinned), along)

    async def delete(self, memory_ids: Sequence[str], along: Along = NOTHING_ALONG) -> int:
        """For good, with all that was made of them alone; how many there were."""
        return await asyncio.wrap_future(self._on.store.delete(memory_ids, self._on.now(), along))

    async def history(self, memory_id: str) -> list[Event] | None:
        """Oldest first, with those of earlier memories of this id; None where no memory ever had it."""
        memory, events = await self._on.read(
            lambda: (self._on.store.find(memory_id), self._on.store.history(memory_id))
        )
        if memory is None:
            return events or None
        ended = next((place for place, event in enumerate(reversed(events)) if event.action == "DELETE"), len(events))
        before, since = events[: len(events) - ended], events[len(events) - ended :]
        first = next((event.old_content for event in since if event.action == "UPDATE"), memory.content)
        return [*before, Event(0, memory_id, "ADD", None, first, memory.stored_at, memory.added_by), *since]

    def extraction(self, drafts: Sequence[Draft], new: Sequence[NewMemory]) -> list[NewJob]:
        """A job for what was said in one run at a time, in pieces that a model can take."""
        if not self._jobs.knows(EXTRACT):
            return []
        wanted = [memory for draft, memory in zip(drafts, new, strict=True) if draft.infer]
        runs: dict[tuple[str, str | None, str | None], list[str]] = {}
        for memory in wanted:
            runs.setdefault((memory.user_id, memory.agent_id, memory.run_id), []).append(memory.id)
        return [
            NewJob(EXTRACT, {"memory_ids": ids[start : start + _EXTRACTED_AT_ONCE]}, user_id)
            for (user_id, _, _), ids in runs.items()
            for start in range(0, len(ids), _EXTRACTED_AT_ONCE)
        ]

    def _find(self, memory_id: str) -> Kept | None:
        return self._kept_or_none(self._on.store.find(memory_id))

    def _stored(self, added: list[Added]) -> list[Stored]:
        return [Stored(kept(self._on, entry.memory), entry.is_new) for entry in added]

    def _kept_or_none(self, memory: Memory | None) -> Kept | None:
        return None if memory is None else kept(self._on, memory)

    async def _changed(self, change: Future[Memory | None]) -> Kept | None:
        return await self._on.read(self._kept_or_none, await asyncio.wrap_future(change))


def _answering(along: Along, returned: Callable[[T], object]) -> Along:
    """With a receipt whose answer is made of what `returned` makes of the store's result."""
    if along.receipt is None:
        return along
    answer = along.receipt.answer
    return replace(along, receipt=replace(along.receipt, answer=lambda result: answer(returned(cast(T, result)))))


def new_memory(draft: Draft, now: float, vector: Vector | None) -> NewMemory:
    return NewMemory(
        id=draft.id or str(uuid.uuid4()),
        content=draft.content,
        created_at=now if draft.created_at is None else draft.created_at,
        stored_at=now,
        user_id=draft.user_id,
        agent_id=draft.agent_id,
        run_id=draft.run_id,
        speaker=draft.speaker,
        metadata=draft.metadata,
        vector=vector,
        importance=draft.importance,
        pinned=draft.pinned,
        expires_at=draft.expires_at,
    )
