"""Finding memories: by a query, best first, or by their scope, newest first; and counting what was recalled."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from memorybank_service.clock import SECONDS_PER_HOUR
from memorybank_service.memory.context import Context, build_context
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.keeping import ACTIVE, EVERY_STATE, Kept, kept
from memorybank_service.memory.retention import MemoryState
from memorybank_service.memory.retrieval import Hit, Query, search
from memorybank_service.store import NO_USER, Filter, Memory, Scope, StoreFullError

log = logging.getLogger(__name__)
RECALLED_RESULTS = 5
SIMILARITY_FLOOR = 0.25
"""A result below it is no recall: with this model, texts that have nothing to do with each other lie under it."""
RECALL_INTERVAL_SECONDS = SECONDS_PER_HOUR


@dataclass(frozen=True)
class Search:
    """What is looked for, and where."""

    text: str
    scope: Scope
    top_k: int = 10
    filter: Filter | None = None
    states: frozenset[MemoryState] = ACTIVE
    threshold: float | None = None
    """The least similarity of a result."""
    reference_date: float | None = None
    """From when the dates in the text count; None: now."""
    explain: bool = False
    neighbours: int = 0
    """How many turns before and after each result are to be named."""


@dataclass(frozen=True)
class Recollection:
    memory: Memory
    hit: Hit
    state: MemoryState
    sources: Sequence[str] = ()
    """Ids of the memories that a fact was made of."""
    neighbours: Sequence[Kept] = ()
    """What was said around it, in the order in which it was said."""

    @property
    def kept(self) -> Kept:
        return Kept(self.memory, self.state, self.hit.retention, self.sources)


@dataclass(frozen=True)
class Found:
    recollections: Sequence[Recollection]
    degraded: Sequence[str] = ()
    """What could not be used for it, each a sentence; empty where everything was."""


@dataclass(frozen=True)
class ForPrompt:
    """Found memories as a text."""

    context: Context
    recollections: Sequence[Recollection]
    """Those that are in it, in the order of its lines."""
    degraded: Sequence[str]


@dataclass(frozen=True)
class Page:
    memories: Sequence[Kept]
    total: int
    """In the scope, on all pages."""
    next_cursor: str | None


@dataclass(frozen=True)
class UserPage:
    users: Sequence[tuple[str, int]]
    """Each with the number of memories."""
    next_cursor: str | None


class Recalling:
    def __init__(self, footing: Footing) -> None:
        self._on = footing

    async def search(self, wanted: Search) -> Found:
        """Counts no recall: see `record_recalls`."""
        started = time.perf_counter()
        vector, degraded = await self._on.vectors.for_query(wanted.text)
        self._on.timed("embedding", time.perf_counter() - started)
        query = Query(
            wanted.text,
            vector,
            wanted.top_k,
            now=self._on.now() if wanted.reference_date is None else wanted.reference_date,
            agent_id=wanted.scope.agent_id,
            run_id=wanted.scope.run_id,
            filter=wanted.filter,
            states=wanted.states,
            threshold=wanted.threshold,
            explain=wanted.explain,
            neighbours=wanted.neighbours,
        )
        return Found(await self._on.read(self._search, wanted.scope, query), degraded)

    async def for_prompt(self, wanted: Search, max_tokens: int) -> ForPrompt:
        """What is found, as far as it fits. Counts no recall."""
        found = await self.search(wanted)
        context = await self._on.read(build_context, [f.memory for f in found.recollections], max_tokens)
        return ForPrompt(context, [found.recollections[place] for place in context.chosen], found.degraded)

    async def record_recalls(self, found: Sequence[Recollection]) -> int:
        """Counts the recall of the best results of an answer; to be called after it has been sent."""
        best = sorted(found, key=lambda f: -f.hit.score)[:RECALLED_RESULTS]
        recalled = [f.hit.seq for f in best if f.hit.similarity >= SIMILARITY_FLOOR]
        if not recalled:
            return 0
        now = self._on.now()
        try:
            return await asyncio.wrap_future(
                self._on.store.record_recalls(recalled, now, now - RECALL_INTERVAL_SECONDS)
            )
        except StoreFullError as error:  # a full volume can still be searched
            log.warning("recalls could not be counted", extra={"error": str(error)})
            return 0

    async def page(
        self,
        scope: Scope,
        *,
        wanted: Filter | None = None,
        states: frozenset[MemoryState] = EVERY_STATE,
        limit: int = 100,
        cursor: str | None = None,
        offset: int = 0,
    ) -> Page:
        """The memories of the scope, the latest arrival first; a `cursor` of the page before goes on after it.

        Raises ValueError where the cursor is none.
        """
        before = None if cursor is None else int(cursor)
        return await self._on.read(self._page, scope, wanted, states, limit, before, offset)

    async def users(self, limit: int, after: str | None = None) -> UserPage:
        """In the order of their ids, behind the id `after`."""
        found = await self._on.read(self._on.store.users, after or NO_USER, limit + 1)
        shown = found[:limit]
        return UserPage(shown, shown[-1][0] if len(found) > limit else None)

    def _search(self, scope: Scope, query: Query) -> list[Recollection]:
        started = time.perf_counter()
        view = self._on.store.view(scope.user_id)
        state = self._on.standing(view)
        self._on.timed("roster", time.perf_counter() - started)
        hits = search(view, state, query, self._on.timed)
        around = {seq for hit in hits for seq in (*hit.before, *hit.after)}
        memories = self._on.store.fetch([*(hit.seq for hit in hits), *around])
        found = []
        for hit in hits:
            if (memory := memories.get(hit.seq)) is not None:
                it = kept(self._on, memory)
                beside = [kept(self._on, memories[seq]) for seq in (*hit.before, *hit.after) if seq in memories]
                found.append(Recollection(memory, hit, it.state, it.sources, beside))
        return found

    def _page(
        self,
        scope: Scope,
        wanted: Filter | None,
        states: frozenset[MemoryState],
        limit: int,
        before: int | None,
        offset: int,
    ) -> Page:
        view = self._on.store.view(scope.user_id)
        chosen = self._on.standing(view).among(states) & view.within(scope.agent_id, scope.run_id)
        if wanted is not None:
            chosen &= view.matching(wanted)
        seqs = view.roster.seq[chosen][::-1]
        rest = (seqs if before is None else seqs[seqs < before])[offset:]
        shown = [int(seq) for seq in rest[:limit]]
        memories = self._on.store.fetch(shown)
        listed = [kept(self._on, memories[seq]) for seq in shown if seq in memories]
        return Page(listed, len(seqs), str(shown[-1]) if len(rest) > limit else None)
