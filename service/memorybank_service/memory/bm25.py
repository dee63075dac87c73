"""Relevance by words (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.neighbours import Neighbourhood
from memorybank_service.store import Positions, Postings, Roster

K1, B = 1.2, 0.75  # saturation of repetitions, correction for length: the values of the paper

_MEMO = "sessions"

Floats = NDArray[np.float32]


class TurnWords:
    """BM25 of turns heard with their neighbours, over the present memories of a scope; the best of them has 1."""

    def __init__(self, postings: Mapping[str, Postings], around: Neighbourhood) -> None:
        present = around.present
        self._postings = [_only(entry, present) for entry in postings.values()]
        documents = int(np.count_nonzero(present))
        self._rarity = [_rarity(documents, len(entry.positions)) for entry in self._postings]
        self._norm = _norm(around.words, present)
        self.scores = np.zeros(len(present), np.float32)
        heard = np.zeros(len(present), np.float32)
        for entry, rarity in zip(self._postings, self._rarity, strict=True):
            around.strongest(entry.positions, entry.counts, heard)
            found = np.flatnonzero(heard)
            self.scores[found] += _gain(rarity, heard[found], self._norm[found])
            heard[found] = 0
        self.scores[~present] = 0
        self._best = float(self.scores.max(initial=0)) or 1.0
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


@dataclass(frozen=True)
class _Sessions:
    present: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    """Present, and of a session."""
    count: int
    documents: int
    norm: Floats


def session_scores(postings: Mapping[str, Postings], roster: Roster, present: NDArray[np.bool_]) -> Floats:
    """BM25 of the sessions as a whole, by position; the best has 1. What belongs to none has 0."""
    sessions = _sessions(roster, present)
    # One more for those of none: their number is -1.
    scores = np.zeros(sessions.count + 1)
    for entry in postings.values():
        here = _only(entry, sessions.inside)
        counts = np.bincount(roster.session[here.positions], here.counts, sessions.count)
        scores[:-1] += _gain(_rarity(sessions.documents, int(np.count_nonzero(counts))), counts, sessions.norm)
    scores /= float(scores.max()) or 1.0
    result: Floats = scores.astype(np.float32)[roster.session]
    result[~sessions.inside] = 0
    return result


def _sessions(roster: Roster, present: NDArray[np.bool_]) -> _Sessions:
    kept = roster.memo.get(_MEMO)
    if isinstance(kept, _Sessions) and np.array_equal(kept.present, present):
        return kept
    inside = present & (roster.session >= 0)
    session = roster.session[inside]
    count = int(roster.session.max(initial=-1)) + 1
    lengths = np.bincount(session, roster.words[inside], count)
    known = np.bincount(session, minlength=count) > 0
    made = _Sessions(present, inside, count, int(np.count_nonzero(known)), _norm(lengths, known))
    roster.memo[_MEMO] = made
    return made


def _only(entry: Postings, present: NDArray[np.bool_]) -> Postings:
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
