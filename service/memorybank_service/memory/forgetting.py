"""A forgetting run: records what has faded, forgets that of what has come back, purges where that is wanted.

Whether something has faded follows from retention alone and needs no run; the record is what purging waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memorybank_service.clock import SECONDS_PER_DAY
from memorybank_service.memory.pauses import Pauses
from memorybank_service.memory.retention import Standing
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import FadedMemory, Roster


@dataclass(frozen=True)
class ForgettingPlan:
    fade: dict[int, float]
    """Newly faded, each with the anchor that decided."""
    unfade: list[int]
    purge: dict[int, float]
    """Each with the anchor that decided."""
    faded: int
    """How many are faded now, those to be purged included."""


@dataclass(frozen=True)
class ForgettingResult:
    faded: int
    purged: int


def plan(
    roster: Roster,
    standing: Standing,
    recorded: Sequence[FadedMemory],
    *,
    settings: ForgettingSettings,
    settings_since: float,
    pauses: Pauses,
    now: float,
) -> ForgettingPlan:
    """What a run at `now` has to write. `settings_since` is when the forgetting settings last changed."""
    anchors = dict(zip(roster.seq[standing.faded].tolist(), roster.anchor[standing.faded].tolist(), strict=True))
    since = {memory.seq: memory.faded_at for memory in recorded}
    return ForgettingPlan(
        fade={seq: anchor for seq, anchor in anchors.items() if seq not in since},
        unfade=[seq for seq in since if seq not in anchors],
        purge={
            seq: anchors[seq]
            for seq, faded_at in since.items()
            if seq in anchors and _is_due(max(faded_at, settings_since), settings, pauses, now)
        },
        faded=len(anchors),
    )


def _is_due(since: float, settings: ForgettingSettings, pauses: Pauses, now: float) -> bool:
    """Paused time does not count here either: waking after a month must not purge."""
    if settings.purge_after_days == 0:
        return False
    waited = now - since - float(pauses.between(np.array(since), now))
    return waited >= settings.purge_after_days * SECONDS_PER_DAY
