"""What the forgetting has in store for each memory: when it will fade or be purged, and why, in words."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.clock import LATEST, SECONDS_PER_DAY, SECONDS_PER_HOUR, rfc3339
from memorybank_service.memory.keeping import Kept
from memorybank_service.memory.pauses import Pauses
from memorybank_service.memory.retention import Standing
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import Roster


@dataclass(frozen=True)
class Outlook:
    """Of one memory, if nobody recalls it and the service goes on running."""

    kept: Kept
    strength: int
    fades_at: float | None
    """When its retention passes the threshold, or did; None: never."""
    fades_in_next_run: bool
    """Whether the next run records it as faded, and has not before."""
    purge_due: float | None
    """From when a run purges it; None: never, or not known before it has faded."""
    purged_in_next_run: bool
    reason: str


def fading_times(roster: Roster, state: Standing, pauses: Pauses, settings: ForgettingSettings) -> NDArray[np.float64]:
    """When each memory's retention passes the threshold; infinity: never, or so late that no date says it."""
    if settings.threshold == 0:
        return np.full(len(roster), math.inf)
    units = -math.log(settings.threshold) * (1.0 + roster.recalls)
    times = pauses.after(roster.anchor, units * settings.time_scale_hours * SECONDS_PER_HOUR)
    never = roster.pinned | state.expired | state.superseded | (times > LATEST)
    return np.where(never, math.inf, times)


@dataclass(frozen=True)
class Forecast:
    """What decides over all memories alike."""

    settings: ForgettingSettings
    settings_since: float
    pauses: Pauses
    next_run: float

    def of(self, kept: Kept, fades_at: float) -> Outlook:
        recorded = kept.memory.faded_at
        purge_due = None
        if kept.state == "faded" and self.settings.purge_after_days > 0:
            since = max(self.next_run if recorded is None else recorded, self.settings_since)
            purge_due = float(self.pauses.after(since, self.settings.purge_after_days * SECONDS_PER_DAY))
        return Outlook(
            kept=kept,
            strength=1 + kept.memory.recalls,
            fades_at=None if math.isinf(fades_at) else fades_at,
            fades_in_next_run=recorded is None and fades_at <= self.next_run,
            purge_due=purge_due if purge_due is None or purge_due <= LATEST else None,
            purged_in_next_run=recorded is not None and purge_due is not None and purge_due <= self.next_run,
            reason=self._reason(kept, fades_at, purge_due),
        )

    def _reason(self, kept: Kept, fades_at: float, purge_due: float | None) -> str:
        memory, threshold = kept.memory, self.settings.threshold
        if kept.state == "superseded":
            by = f"the fact {memory.superseded_by}" if memory.superseded_by else "a fact that was deleted since"
            return f"superseded: {by} has taken its place"
        if kept.state == "expired":
            return f"expired: it was wanted until {rfc3339(memory.expires_at or 0.0)}"
        if memory.pinned:
            return "pinned: never fades"
        if kept.state == "faded":
            shown, limit = _told_apart(kept.retention, threshold)
            purge = "" if purge_due is None else f"; a run purges it from {_when(purge_due)} on"
            return f"retention {shown} is below the threshold {limit}{purge}"
        if threshold == 0:
            return "the threshold is 0: nothing fades"
        shown, limit = _told_apart(kept.retention, threshold)
        return f"retention {shown} falls below the threshold {limit} {_when(fades_at, 'after ')}"


def _when(moment: float, before: str = "") -> str:
    return f"{before}{rfc3339(moment)}" if moment <= LATEST else "long after anyone cares"


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """With as many digits as it takes to see which is less."""
    for digits in range(2, 10):
        texts = f"{one:.{digits}f}", f"{other:.{digits}f}"
        if texts[0] != texts[1]:
            break
    return texts
