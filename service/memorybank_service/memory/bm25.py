"""Relevance by words (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Postings

K1, B = 1.2, 0.75  # saturation of repetitions, correction for length: the values of the paper


def bm25(postings: Mapping[str, Postings], words: NDArray[np.int32]) -> NDArray[np.float64]:
    """The score of every position; `words` are the memories' lengths. 0: none of the terms."""
    scores = np.zeros(len(words))
    if not len(words):
        return scores
    average = max(1.0, float(words.mean()))
    for entry in postings.values():
        found = len(entry.positions)
        rarity = np.log1p((len(words) - found + 0.5) / (found + 0.5))
        counts = entry.counts.astype(np.float64)
        length = 1 - B + B * words[entry.positions] / average
        scores[entry.positions] += rarity * counts * (K1 + 1) / (counts + K1 * length)
    return scores


def share_found(postings: Mapping[str, Postings], length: int) -> NDArray[np.float64]:
    """Of each position, the share of the query's terms that it holds."""
    found = np.zeros(length)
    for entry in postings.values():
        found[entry.positions] += 1
    return found / max(1, len(postings))
