"""Made-up memories in any number: sentences whose words are as unevenly spread as those of a language (Zipf)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_LETTERS = "bcdfghklmnprstvz"
_VOWELS = "aeiou"
_COMMON = ("the", "a", "to", "of", "and", "in", "is", "my", "she", "he", "was", "for", "with", "on", "at", "we", "that")
VOCABULARY = 20_000


def sentences(count: int, seed: int = 7) -> Iterator[str]:
    """Of 6 to 22 words, a third of them the commonest of English."""
    random = np.random.default_rng(seed)
    vocabulary = _words(random)
    weights = 1.0 / np.arange(2, VOCABULARY + 2)
    shares = np.cumsum(weights / weights.sum())
    for _ in range(count):
        length = int(random.integers(6, 23))
        drawn = np.minimum(np.searchsorted(shares, random.random(length)), VOCABULARY - 1)
        common = random.random(length) < 1 / 3
        words = (_COMMON[n % len(_COMMON)] if plain else vocabulary[n] for n, plain in zip(drawn, common, strict=True))
        yield " ".join(words).capitalize() + "."


def vectors(count: int, dimension: int, seed: int = 7) -> NDArray[np.float32]:
    """Unit vectors around a few hundred centres, as sentences about a few hundred subjects lie: (count, dimension)."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((300, dimension), np.float32)
    made = centres[random.integers(0, len(centres), count)] + random.standard_normal((count, dimension), np.float32)
    unit: NDArray[np.float32] = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


def _words(random: np.random.Generator) -> list[str]:
    """Distinct pronounceable words; the commoner, the shorter."""
    found: dict[str, None] = {}
    syllables = 1
    while len(found) < VOCABULARY:
        parts = random.integers(0, len(_LETTERS) * len(_VOWELS), (4_000, syllables))
        for row in parts:
            found["".join(_LETTERS[p // len(_VOWELS)] + _VOWELS[p % len(_VOWELS)] for p in row)] = None
        syllables = min(4, syllables + 1)
    return list(found)[:VOCABULARY]
