"""Relevance by words (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.neighbours import Neighbourhood
from memorybank_service.store import Positions, Postings

K1, B = 1.2, 0.75  # saturation of repetitions, correction for length: the values of the paper

Floats = NDArray[np.float32]


class TurnWords:
    """BM25 of turns heard with their neighbours, over the `present` memories of a scope; the best of them has 1."""

    def __init__(
        self,
        postings: Mapping[str, Postings],
        words: NDArray[np.int32],
        present: NDArray[np.bool_],
        context: Neighbourhood,
    ) -> None:
        self._postings = [only(entry, present) for entry in postings.values()]
        documents = int(present.sum())
        self._rarity = [_rarity(documents, len(entry.positions)) for entry in self._postings]
        self._norm = _norm(context.lengths(words), present)
        self.scores = np.zeros(len(words), np.float32)
        heard = np.zeros(len(words), np.float32)
        for entry, rarity in zip(self._postings, self._rarity, strict=True):
            context.strongest(entry.positions, entry.counts, heard)
            found = np.flatnonzero(heard)
            self.scores[found] += _gain(rarity, heard[found], self._norm[found])
            heard[found] = 0
        self._best = float(self.scores[present].max(initial=0)) or 1.0
        self.scores /= self._best

    def own(self, positions: Positions) -> NDArray[np.float64]:
        """The part of the scores that the turns' own words make."""
        scores = np.zeros(len(positions))
        for entry, rarity in zip(self._postings, self._rarity, strict=True):
            counts = _counts_at(entry, positions)
            scores += _gain(rarity, counts, self._norm[positions])
        return scores / self._best

    def shares(self, positions: Positions) -> NDArray[np.float64]:
        """Of each turn, the share of the query's terms that stand in it."""
        found = sum((_counts_at(entry, positions) > 0 for entry in self._postings), np.zeros(len(positions)))
        return found / max(1, len(self._postings))


def session_scores(
    postings: Mapping[str, Postings], words: NDArray[np.int32], session: NDArray[np.int32], present: NDArray[np.bool_]
) -> Floats:
    """BM25 of the sessions as a whole, by position; the best has 1. What belongs to none has 0."""
    inside = np.flatnonzero(present & (session >= 0))
    if not len(inside):
        return np.zeros(len(words), np.float32)
    count = int(session[inside].max()) + 1
    lengths = np.bincount(session[inside], words[inside], count)
    known = np.bincount(session[inside], minlength=count) > 0
    norm, scores, documents = _norm(lengths, known), np.zeros(count), int(known.sum())
    within = present & (session >= 0)
    for entry in postings.values():
        here = only(entry, within)
        counts = np.bincount(session[here.positions], here.counts, count)
        scores += _gain(_rarity(documents, int((counts > 0).sum())), counts, norm)
    scores /= float(scores.max()) or 1.0
    result = np.zeros(len(words), np.float32)
    result[inside] = scores[session[inside]]
    return result


def only(entry: Postings, present: NDArray[np.bool_]) -> Postings:
    kept = present[entry.positions]
    return entry if kept.all() else Postings(entry.positions[kept], entry.counts[kept])


def _rarity(documents: int, found: int) -> float:
    return float(np.log1p((documents - found + 0.5) / (found + 0.5)))


def _norm(lengths: NDArray[np.number], present: NDArray[np.bool_]) -> Floats:
    average = max(1.0, float(lengths.mean(where=present))) if present.any() else 1.0
    norm: Floats = (K1 * (1 - B) + K1 * B / average * lengths).astype(np.float32)
    return norm


def _gain(rarity: float, counts: NDArray[np.number], norm: Floats) -> Floats:
    gain: Floats = (rarity * (K1 + 1) * counts / (counts + norm)).astype(np.float32)
    return gain


def _counts_at(entry: Postings, positions: Positions) -> NDArray[np.float64]:
    if not len(entry.positions):
        return np.zeros(len(positions))
    places = np.minimum(np.searchsorted(entry.positions, positions), len(entry.positions) - 1)
    return np.where(entry.positions[places] == positions, entry.counts[places], 0).astype(np.float64)
