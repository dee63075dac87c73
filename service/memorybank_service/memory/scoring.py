"""What a score is the sum of.

All parts of all memories of a large scope would take longer to add up than they took to find. So the large ones are
added up everywhere, and the rest of them only for those that can still be among the best.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Positions

WORDS_WEIGHT, SESSION_WEIGHT = 0.5, 0.1
SPEAKER_WEIGHT, DATE_WEIGHT, TIME_WEIGHT = 0.2, 0.5, 0.2
RETENTION_WEIGHT = 0.05
DIGITS = 4
"""Of a score: vectors are stored as exactly; what comes behind is chance, and would order equals."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Parts:
    """By name, each from 0 to 1 and with its weight; in the order in which they are added up."""

    def __init__(
        self, *, words: Floats, cues: Mapping[str, Floats | None], session: "At", retention: "At", dense_weight: float
    ) -> None:
        self._dense_weight = np.float32(dense_weight)
        self._everywhere = {"words": WORDS_WEIGHT * words}
        weights = {"speaker": SPEAKER_WEIGHT, "date": DATE_WEIGHT, "time": TIME_WEIGHT}
        self._everywhere |= {name: weights[name] * part for name, part in cues.items() if part is not None}
        self._at = {"words_session": (SESSION_WEIGHT, session), "retention": (RETENTION_WEIGHT, retention)}
        self._names = ["words", "words_session", *weights, "retention"]

    def hear(self, dense_turn: Floats, dense_window: Floats) -> None:
        """Takes in, and changes, what the vectors say."""
        heard = {"dense_turn": dense_turn, "dense_window": dense_window}
        for part in heard.values():
            np.multiply(part, self._dense_weight, out=part)
        self._everywhere |= heard
        self._names += heard

    def at(self, places: Positions) -> dict[str, Floats]:
        return {name: self._part(name, places) for name in self._names}

    def sums(self, places: Positions) -> NDArray[np.float64]:
        total = np.zeros(len(places))
        for part in self.at(places).values():
            total += part
        return np.round(total, DIGITS)

    def contenders(self, found: Mask, count: int) -> Positions:
        """Those found that can be among the `count` best."""
        places = np.flatnonzero(found)
        if len(places) <= count:
            return places
        everyone = len(places) == len(found)
        total = np.zeros(len(places), np.float32)
        for part in self._everywhere.values():
            total += part if everyone else part.take(places)
        # What is not in the total yet is never negative, so the best of the total stay above this whatever comes.
        missing = sum(weight for weight, _ in self._at.values()) + 10.0 ** (1 - DIGITS)
        least = float(np.partition(total, -count)[-count]) - missing
        return places[np.flatnonzero(total >= least)]

    def _part(self, name: str, places: Positions) -> Floats:
        if name in self._at:
            weight, at = self._at[name]
            part: Floats = (weight * at(places)).astype(np.float32)
            return part
        everywhere = self._everywhere.get(name)
        return np.zeros(len(places), np.float32) if everywhere is None else everywhere[places]


def best(scores: NDArray[np.float64], count: int) -> Positions:
    """Where the largest stand, the largest first; of equals the later, which is the newer: it is what holds now."""
    chosen = np.arange(len(scores))
    if len(scores) > count:
        chosen = np.flatnonzero(scores >= np.partition(scores, -count)[-count])
    return chosen[np.lexsort((-chosen, -scores[chosen]))][:count]


At = Callable[[Positions], NDArray[np.floating]]
