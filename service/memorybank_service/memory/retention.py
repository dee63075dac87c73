"""How much of a memory is left: R = e^(−t/S), Ebbinghaus' forgetting curve as MemoryBank uses it.

(Zhong et al., "MemoryBank: Enhancing Large Language Models with Long-Term Memory", AAAI 2024, section "Memory
Updating": S begins at 1, each recall adds 1 and sets t back to 0.) Computed whenever it is asked for and never
stored, so how often the forgetting runs cannot change it.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memorybank_service.clock import SECONDS_PER_HOUR
from memorybank_service.memory.pauses import Pauses
from memorybank_service.store import Memory, Positions, Roster

Floats = NDArray[np.float64]

MemoryState = Literal["active", "faded", "expired", "superseded"]


def retention(elapsed_seconds: ArrayLike, strength: ArrayLike, time_scale_hours: float) -> Floats:
    """R, from 1 down to 0; `time_scale_hours` is what one unit of strength stands for.

    Time before the anchor counts as none.
    """
    return _left(_spent(elapsed_seconds, strength, time_scale_hours))


def _spent(elapsed_seconds: ArrayLike, strength: ArrayLike, time_scale_hours: float) -> Floats:
    """t/S."""
    spent: Floats = np.asarray(np.maximum(0.0, elapsed_seconds))
    spent /= time_scale_hours * SECONDS_PER_HOUR
    spent /= np.asarray(strength, np.float64)
    return spent


def _left(spent: ArrayLike) -> Floats:
    result: Floats = np.exp(-np.asarray(spent))
    return result


def _all_spent(threshold: float) -> float:
    """The t/S at which the threshold is reached: compared with it, no memory's retention has to be computed."""
    return -math.log(threshold) if threshold > 0 else math.inf


@dataclass(frozen=True)
class Standing:
    """What forgetting makes of a roster at one moment, by position."""

    spent: Floats
    """t/S: the retention is e to the minus of it."""
    faded: NDArray[np.bool_]
    expired: NDArray[np.bool_]
    superseded: NDArray[np.bool_]
    alive: NDArray[np.bool_]

    def among(self, states: frozenset[MemoryState]) -> NDArray[np.bool_]:
        """Those in one of these states."""
        chosen = np.zeros(len(self.alive), np.bool_)
        for state in states:
            chosen |= getattr(self, state)
        return chosen

    @cached_property
    def retention(self) -> Floats:
        return _left(self.spent)

    def retention_at(self, places: Positions) -> Floats:
        return _left(self.spent[places])

    @property
    def active(self) -> NDArray[np.bool_]:
        """What a search finds unless it asks for more. Each memory is in one state, and this is the first of them."""
        return self.alive & ~self.faded & ~self.expired & ~self.superseded


def standing(roster: Roster, now: float, pauses: Pauses, time_scale_hours: float, threshold: float) -> Standing:
    """Retention falls while the service runs; the pinned never fade, whatever their retention."""
    elapsed = now - roster.anchor
    if pauses:
        elapsed -= pauses.between(roster.anchor, now)
    spent = _spent(elapsed, 1 + roster.recalls, time_scale_hours)
    superseded = roster.alive & roster.superseded
    expired = roster.alive & ~superseded & (roster.expires_at <= now)
    return Standing(
        spent=spent,
        faded=roster.alive & ~expired & ~superseded & ~roster.pinned & (spent > _all_spent(threshold)),
        expired=expired,
        superseded=superseded,
        alive=roster.alive.copy(),
    )


def state_of(
    memory: Memory, now: float, pauses: Pauses, time_scale_hours: float, threshold: float
) -> tuple[MemoryState, float]:
    """What `standing` says of one memory: its state and its retention."""
    # Without arrays, which take ten times as long for one memory.
    elapsed = now - memory.anchor - (float(pauses.between(memory.anchor, now)) if pauses else 0.0)
    spent = max(0.0, elapsed) / (time_scale_hours * SECONDS_PER_HOUR) / (1 + memory.recalls)
    kept = math.exp(-spent)
    if memory.superseded_by is not None:
        return "superseded", kept
    if memory.expires_at is not None and memory.expires_at <= now:
        return "expired", kept
    return ("faded" if spent > _all_spent(threshold) and not memory.pinned else "active"), kept
