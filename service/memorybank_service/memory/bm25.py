"""Relevance by words (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009)."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.neighbours import Neighbourhood
from memorybank_service.store import Positions, Postings, Roster

K1, B = 1.2, 0.75  # saturation of repetitions, correction for length: the values of the paper

_MEMO = "sessions"
_GAINS = "gains"
_KEPT_BYTES = 40  # of a memory, for what its words gave to earlier searches: some ten common terms
_TERM_BYTES = 500

Floats = NDArray[np.float32]


class TurnWords:
    """BM25 of turns heard with their neighbours, over the present memories of a scope; the best of them has 1."""

    def __init__(self, postings: Mapping[str, Postings], around: Neighbourhood) -> None:
        self._postings, gains = list(postings.values()), _gains(around)
        self._norm = gains.norm
        terms = [gains.of(term, entry) for term, entry in postings.items()]
        self._rarity = [term.rarity for term in terms]
        self.scores = np.zeros(len(around.present), np.float32)
        for term in terms:
            if term.places is None:
                self.scores += term.gain
            else:
                self.scores[term.places] += term.gain
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
class _Term:
    rarity: float
    gain: Floats
    places: NDArray[np.int32] | None
    """Where it is heard; None: the gain is that of every position."""

    @property
    def size_bytes(self) -> int:
        return _TERM_BYTES + self.gain.nbytes + (0 if self.places is None else self.places.nbytes)


class _Gains:
    """What each term gives to the turns that it is heard with: the common ones are asked for again and again."""

    def __init__(self, around: Neighbourhood) -> None:
        self._around = around
        self._documents = int(np.count_nonzero(around.present))
        self.norm = _norm(around.words, around.present)
        self._kept: OrderedDict[str, _Term] = OrderedDict()
        self._lock = threading.Lock()
        self._room = max(1 << 16, _KEPT_BYTES * len(around.present))

    def of(self, term: str, entry: Postings) -> _Term:
        with self._lock:
            if (kept := self._kept.get(term)) is not None:
                self._kept.move_to_end(term)
                return kept
        made = self._made(entry)
        with self._lock:
            if term not in self._kept:
                self._kept[term] = made
                self._room -= made.size_bytes
            while self._room < 0:
                _, oldest = self._kept.popitem(last=False)
                self._room += oldest.size_bytes
        return made

    def _made(self, entry: Postings) -> _Term:
        present = self._around.present
        here = _only(entry, present)
        rarity = _rarity(self._documents, len(here.positions))
        heard = np.zeros(len(present), np.float32)
        self._around.strongest(here.positions, here.counts, heard)
        places = np.flatnonzero((heard > 0) & present)
        gain = _gain(rarity, heard.take(places), self.norm.take(places))
        if len(places) < len(present) // 2:
            return _Term(rarity, gain, places.astype(np.int32))
        heard[:] = 0
        heard[places] = gain
        return _Term(rarity, heard, None)


def _gains(around: Neighbourhood) -> _Gains:
    kept = around.memo.get(_GAINS)
    if not isinstance(kept, _Gains):
        kept = around.memo[_GAINS] = _Gains(around)
    return kept


@dataclass(frozen=True)
class _Sessions:
    present: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    """Present, and of a session."""
    count: int
    documents: int
    norm: Floats


class SessionWords:
    """BM25 of the sessions as a whole; the best has 1. What belongs to none has 0."""

    def __init__(self, postings: Mapping[str, Postings], roster: Roster, present: NDArray[np.bool_]) -> None:
        self._session, sessions = roster.session, _sessions(roster, present)
        self._inside = sessions.inside
        # One more for those of none: their number is -1.
        scores = np.zeros(sessions.count + 1)
        for entry in postings.values():
            here = _only(entry, sessions.inside)
            counts = np.bincount(roster.session[here.positions], here.counts, sessions.count)
            scores[:-1] += _gain(_rarity(sessions.documents, int(np.count_nonzero(counts))), counts, sessions.norm)
        self._scores: Floats = (scores / (float(scores.max()) or 1.0)).astype(np.float32)

    def at(self, places: Positions) -> Floats:
        result: Floats = self._scores[self._session[places]] * self._inside[places]
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
