"""Finding memories: by meaning and by words, the two added up, and a little for what is well remembered.

Weighted sums of scores beat the fusion of ranks on conversations; retention's weight is small, so that what was
recalled first does not stay first for ever.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.bm25 import bm25, share_found
from memorybank_service.memory.retention import Standing
from memorybank_service.store import FilterValue, Positions, Vector, View
from memorybank_service.store.words import query_terms

WORDS_WEIGHT = 0.3
RETENTION_WEIGHT = 0.05
_CANDIDATES = 50  # of each list; the union loses nothing against scoring everything

Timer = Callable[[str, float], None]


@dataclass(frozen=True)
class Query:
    text: str
    vector: Vector | None
    """None: search by words alone."""
    top_k: int
    metadata: Mapping[str, FilterValue]
    run_id: str | None = None
    """Only the memories of this session."""


@dataclass(frozen=True)
class Hit:
    seq: int
    score: float
    """Orders one answer; says nothing across answers."""
    similarity: float
    """0 to 1: the cosine, or for one found by words alone the share of the query's terms in it."""
    retention: float


def search(view: View, standing: Standing, query: Query, timed: Timer) -> list[Hit]:
    """The best `top_k` of the active memories of the view, best first."""
    allowed = standing.active
    if query.metadata or query.run_id is not None:
        chosen = np.zeros(len(allowed), np.bool_)
        chosen[view.matching(query.metadata, query.run_id)] = True
        allowed = allowed & chosen
    if not allowed.any():
        return []
    started = time.perf_counter()
    postings = view.postings(query_terms(query.text))
    by_words = np.where(allowed, bm25(postings, view.roster.words), 0.0)
    shares = share_found(postings, len(allowed))
    timed("words", time.perf_counter() - started)

    started = time.perf_counter()
    count = max(_CANDIDATES, 2 * query.top_k)
    candidates = _best(by_words, count)
    cosines, embedded = np.zeros(len(candidates)), np.zeros(len(candidates), np.bool_)
    if query.vector is not None:
        candidates = np.union1d(candidates, view.nearest(query.vector, allowed, count))
        cosines, embedded = view.cosines(query.vector, candidates)
    timed("vectors", time.perf_counter() - started)

    largest = float(by_words.max())
    words = by_words[candidates] / largest if largest > 0 else by_words[candidates]
    kept = standing.retention[candidates]
    scores = cosines + WORDS_WEIGHT * words + RETENTION_WEIGHT * kept
    similarities = np.clip(np.where(embedded, cosines, shares[candidates]), 0.0, 1.0)
    # Of equals the newer one first: it is what holds now.
    order = np.lexsort((-candidates, -scores))[: query.top_k]
    return [
        Hit(int(view.roster.seq[candidates[i]]), float(scores[i]), float(similarities[i]), float(kept[i]))
        for i in order
    ]


def _best(scores: NDArray[np.float64], count: int) -> Positions:
    positions = np.flatnonzero(scores)
    if len(positions) > count:
        positions = np.sort(positions[np.argpartition(-scores[positions], count)[:count]])
    return positions
