"""How much of a memory is left: R = e^(−t/S), Ebbinghaus' forgetting curve as MemoryBank uses it.

(Zhong et al., "MemoryBank: Enhancing Large Language Models with Long-Term Memory", AAAI 2024, section "Memory
Updating": S begins at 1, each recall adds 1 and sets t back to 0.) Computed whenever it is asked for and never
stored, so how often the forgetting runs cannot change it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memorybank_service.clock import SECONDS_PER_HOUR
from memorybank_service.memory.pauses import Pauses
from memorybank_service.store import Roster

Floats = NDArray[np.float64]


def retention(elapsed_seconds: ArrayLike, strength: ArrayLike, time_scale_hours: float) -> Floats:
    """R, from 1 down to 0; `time_scale_hours` is what one unit of strength stands for.

    Time before the anchor counts as none.
    """
    elapsed = np.maximum(0.0, np.asarray(elapsed_seconds, np.float64)) / (time_scale_hours * SECONDS_PER_HOUR)
    result: Floats = np.exp(-elapsed / np.asarray(strength, np.float64))
    return result


@dataclass(frozen=True)
class Standing:
    """What forgetting makes of a roster at one moment, by position."""

    retention: Floats
    faded: NDArray[np.bool_]
    expired: NDArray[np.bool_]
    alive: NDArray[np.bool_]

    @property
    def active(self) -> NDArray[np.bool_]:
        """What a search may find."""
        return self.alive & ~self.faded & ~self.expired


def standing(roster: Roster, now: float, pauses: Pauses, time_scale_hours: float, threshold: float) -> Standing:
    """Retention falls while the service runs; the pinned never fade, whatever their retention."""
    elapsed = now - roster.anchor - pauses.between(roster.anchor, now)
    kept = retention(elapsed, 1 + roster.recalls, time_scale_hours)
    expired = roster.expires_at <= now
    return Standing(
        retention=kept,
        faded=roster.alive & ~expired & ~roster.pinned & (kept < threshold),
        expired=roster.alive & expired,
        alive=roster.alive.copy(),
    )
