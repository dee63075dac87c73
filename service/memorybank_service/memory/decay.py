"""The forgetting as a tenant's operator sees it: running it, counting what is in which state."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from memorybank_service.clock import LATEST
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.forgetting import ForgettingPlan, ForgettingResult, plan
from memorybank_service.memory.keeping import kept
from memorybank_service.memory.outlook import Forecast, Outlook, fading_times
from memorybank_service.store import Scope

_SETTINGS, _SETTINGS_SINCE = "forgetting_settings", "forgetting_settings_since"
_MICRO = 1_000_000
_NEVER = 10**18 - 1
"""Behind every moment, in microseconds."""
_MOST_OFTEN = 100
_QUICK_SECONDS = 0.01
"""A census that takes less is always taken anew."""


@dataclass(frozen=True)
class Census:
    """How many memories are in which state."""

    active: int
    faded: int
    expired: int
    superseded: int


@dataclass(frozen=True)
class _Counted:
    census: Census
    at: float
    took_seconds: float
    """Of a processor."""

    def is_old(self, now: float) -> bool:
        return self.took_seconds < _QUICK_SECONDS or now - self.at >= _MOST_OFTEN * self.took_seconds


@dataclass(frozen=True)
class Preview:
    outlooks: Sequence[Outlook]
    total: int
    """In the scope, on all pages."""
    next_cursor: str | None


class Decay:
    def __init__(self, footing: Footing) -> None:
        self._on = footing
        self._counted: _Counted | None = None

    async def open(self) -> None:
        """Notes since when the settings are what they are: purging waits anew after a change."""
        wanted = json.dumps(asdict(self._on.forgetting), sort_keys=True)
        if await self._on.note(_SETTINGS) != wanted:
            await self._on.note_down({_SETTINGS: wanted, _SETTINGS_SINCE: repr(self._on.now())})

    async def run(self) -> ForgettingResult:
        return await self._on.read(self._run)

    async def try_out(self) -> ForgettingResult:
        """What `run` would come to now; nothing is written."""
        decided, _ = await self._on.read(self._plan)
        return ForgettingResult(decided.faded - len(decided.purge), len(decided.purge))

    async def preview(self, scope: Scope, next_run: float, limit: int, cursor: str | None = None) -> Preview:
        """The memories of the scope, the one that fades first at the beginning, the ones that never fade at the end.

        Raises ValueError where the cursor is none.
        """
        after = None if cursor is None else _place(cursor)
        return await self._on.read(self._preview, scope, next_run, limit, after)

    async def census(self) -> Census:
        self._counted = await self._on.read(self._count)
        return self._counted.census

    async def recent_census(self) -> Census:
        """The last one, unless counting anew takes less than a hundredth of the time since then.

        A large tenant's memories need not be read as often as somebody looks at their number.
        """
        if (counted := self._counted) is None or counted.is_old(time.monotonic()):
            return await self.census()
        return counted.census

    def _run(self) -> ForgettingResult:
        decided, now = self._plan()
        purged = self._on.store.record_fading(decided.fade, decided.unfade, decided.purge, now).result()
        return ForgettingResult(decided.faded - purged, purged)

    def _plan(self) -> tuple[ForgettingPlan, float]:
        """What a run has to write, and the moment for which it was decided."""
        now, view = self._on.now(), self._on.store.view(None)
        decided = plan(
            view.roster,
            self._on.standing(view),
            self._on.store.faded(),
            settings=self._on.forgetting,
            settings_since=self._settings_since(now),
            pauses=self._on.alive.pauses(),
            now=now,
        )
        return decided, now

    def _settings_since(self, now: float) -> float:
        return float(self._on.store.note(_SETTINGS_SINCE) or now)

    def _preview(self, scope: Scope, next_run: float, limit: int, after: tuple[int, int] | None) -> Preview:
        view, pauses, settings = self._on.store.view(scope.user_id), self._on.alive.pauses(), self._on.forgetting
        state = self._on.standing(view)
        times = fading_times(view.roster, state, pauses, settings)
        ranks = (np.clip(times, 0, LATEST) * _MICRO).astype(np.int64)
        ranks[np.isinf(times)] = _NEVER
        order = np.lexsort((view.roster.seq, ranks))
        order = order[(state.alive & view.within(scope.agent_id, scope.run_id))[order]]
        total = len(order)
        if after is not None:
            rank, seq = after
            order = order[(ranks[order] > rank) | ((ranks[order] == rank) & (view.roster.seq[order] > seq))]
        forecast = Forecast(settings, self._settings_since(self._on.now()), pauses, next_run)
        places = order[:limit]
        memories = self._on.store.fetch([int(seq) for seq in view.roster.seq[places]])
        shown = [
            forecast.of(kept(self._on, memory), float(times[place]))
            for place in places
            if (memory := memories.get(int(view.roster.seq[place]))) is not None
        ]
        more = len(order) > limit
        return Preview(shown, total, f"{ranks[places[-1]]}.{view.roster.seq[places[-1]]}" if more else None)

    def _count(self) -> _Counted:
        started = time.thread_time()  # of the processor, so that waiting for others makes no census old
        state = self._on.standing(self._on.store.view(None))
        counts = (int(mask.sum()) for mask in (state.active, state.faded, state.expired, state.superseded))
        return _Counted(Census(*counts), time.monotonic(), time.thread_time() - started)


def _place(cursor: str) -> tuple[int, int]:
    rank, seq = map(int, cursor.split("."))
    return rank, seq
