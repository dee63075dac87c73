"""Finding memories: by meaning and by words, each heard with its neighbours, added up.

Weighted sums of scores beat the fusion of ranks on conversations. The weights are round, because what they are exactly
matters little. Retention's is small, so that what was recalled first does not stay first for ever.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.bm25 import SessionWords, TurnWords
from memorybank_service.memory.cues import named_speakers, near_the_dates, tells_when
from memorybank_service.memory.neighbours import neighbourhood
from memorybank_service.memory.retention import MemoryState, Standing
from memorybank_service.memory.scoring import WORDS_WEIGHT, Parts, best
from memorybank_service.store import Filter, Positions, Vector, View
from memorybank_service.store.words import cjk_share, query_terms

DENSE_WEIGHT, DENSE_WEIGHT_CJK = 1.0, 0.3
"""Less for a query in Chinese, Japanese or Korean: the local model hardly tells their texts apart."""
_CANDIDATES = 100  # of each list, where a scope is too large for all of it to be scored

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Timer = Callable[[str, float], None]


@dataclass(frozen=True)
class Query:
    text: str
    vector: Vector | None
    """None: search by words alone."""
    top_k: int
    now: float
    """From when the dates in the query count: the time of the search or the one asked for, in seconds since 1970."""
    agent_id: str | None = None
    run_id: str | None = None
    filter: Filter | None = None
    states: frozenset[MemoryState] = frozenset({"active"})
    threshold: float | None = None
    """The least similarity of a result."""
    explain: bool = False
    neighbours: int = 0
    """How many turns before and after each result are to be named."""


@dataclass(frozen=True)
class Hit:
    seq: int
    score: float
    """Orders one answer; says nothing across answers."""
    similarity: float
    """0 to 1: the cosine, or for one found by words alone the share of the query's terms in it."""
    retention: float
    explain: Mapping[str, float] | None = None
    """The parts that the score is the sum of, to four digits."""
    before: tuple[int, ...] = ()
    """The turns before it in its run, in the order in which they were said."""
    after: tuple[int, ...] = ()


def search(view: View, standing: Standing, query: Query, timed: Timer) -> list[Hit]:
    """The best `top_k` memories of the view, best first. Raises FilterError.

    Scope and states decide who counts, and who is heard along with others; the filter only who may be a result.
    """
    roster = view.roster
    present = standing.among(query.states) & view.within(query.agent_id, query.run_id)
    allowed = present
    if query.filter is not None:
        allowed = present & view.matching(query.filter)
    if not allowed.any():
        return []

    started = time.perf_counter()
    around = neighbourhood(roster, present)
    named = named_speakers(view, query.text, present)
    postings = view.postings(query_terms(query.text, without=named.names))
    words, dated = TurnWords(postings, around), near_the_dates(view, query.text, query.now)
    share = cjk_share(query.text)
    parts = Parts(
        words=words.scores,
        cues={"speaker": named.said_by, "date": dated, "time": tells_when(view, query.text)},
        session=SessionWords(postings, roster, present).at,
        retention=standing.retention_at,
        dense_weight=DENSE_WEIGHT * (1 - share) + DENSE_WEIGHT_CJK * share,
    )
    found = words.scores > 0 if dated is None else (words.scores > 0) | (dated > 0)
    found &= allowed
    timed("words", time.perf_counter() - started)

    started = time.perf_counter()
    cosines, known = np.zeros(len(roster), np.float32), np.zeros(len(roster), np.bool_)
    if query.vector is not None and len(query.vector) == view.dimension:  # else the space was changed meanwhile
        if (scanned := view.scan(query.vector)) is not None:
            cosines, known = scanned, around.embedded
            found |= known & allowed
        else:
            found = _candidates(view, query.vector, allowed, found, parts, query.top_k)
            asked = np.flatnonzero(around.embedded & around.with_neighbours(found))
            cosines[asked], known[asked] = view.cosines(query.vector, asked), True
    parts.hear(*around.along(cosines, known))
    timed("vectors", time.perf_counter() - started)

    started = time.perf_counter()
    similarities = _Similarities(cosines, known, words)
    if query.threshold is not None:
        places = np.flatnonzero(found)
        found[places[similarities.of(places) < query.threshold]] = False
    places = parts.contenders(found, query.top_k)
    scores = parts.sums(places)
    order = best(scores, query.top_k)
    places, scores = places[order], scores[order]
    hits = [
        Hit(int(roster.seq[place]), float(score), float(similarity), float(left))
        for place, score, similarity, left in zip(
            places, scores, similarities.of(places), standing.retention_at(places), strict=True
        )
    ]
    if query.explain:
        explained = parts.at(places)
        turn = (WORDS_WEIGHT * words.own(places)).astype(np.float32)
        explained |= {"words_turn": turn, "words_window": explained.pop("words") - turn}
        hits = [
            replace(hit, explain={name: float(part[number]) for name, part in explained.items()})
            for number, hit in enumerate(hits)
        ]
    if query.neighbours:
        hits = [
            replace(
                hit,
                before=tuple(int(roster.seq[p]) for p in around.walk(int(place), -1, query.neighbours)),
                after=tuple(int(roster.seq[p]) for p in around.walk(int(place), 1, query.neighbours)),
            )
            for hit, place in zip(hits, places, strict=True)
        ]
    timed("ranking", time.perf_counter() - started)
    return hits


class _Similarities:
    def __init__(self, cosines: Floats, known: Mask, words: TurnWords) -> None:
        self._cosines, self._known, self._words = cosines, known, words

    def of(self, places: Positions) -> NDArray[np.float64]:
        result = self._cosines[places].astype(np.float64)
        by_words = np.flatnonzero(~self._known[places])
        result[by_words] = self._words.shares(places[by_words])
        return np.clip(result, 0.0, 1.0)


def _candidates(view: View, vector: Vector, allowed: Mask, by_words: Mask, parts: Parts, top_k: int) -> Mask:
    """The best by words and the nearest by vector: the union loses next to nothing against scoring everything."""
    count = max(_CANDIDATES, 2 * top_k)
    chosen = np.zeros(len(allowed), np.bool_)
    chosen[view.nearest(vector, allowed, count)] = True
    places = parts.contenders(by_words, count)
    chosen[places[best(parts.sums(places), count)]] = True
    return chosen
