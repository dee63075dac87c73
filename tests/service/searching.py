"""Searches in a store of its own, with vectors that are counts of words: quick, and alike where words are."""

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from memorybank_service.memory.pauses import Pauses
from memorybank_service.memory.retention import standing
from memorybank_service.memory.retrieval import Hit, Query, search
from memorybank_service.store import NO_USER, NewMemory, Vector
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.words import terms

DIMENSION = 32
NOW = 1_000_000.0


def vector(text: str) -> Vector:
    counts = np.full(DIMENSION, 0.01, np.float32)
    for term in terms(text):
        counts[zlib.crc32(term.encode()) % DIMENSION] += 1
    unit: Vector = counts / np.float32(math.sqrt(float(counts @ counts)))
    return unit


def turn(name: str, content: str, **given: Any) -> NewMemory:
    return NewMemory(name, content, **{"created_at": NOW, "stored_at": NOW, "vector": vector(content), **given})


class Searching:
    def __init__(self, store: SqliteStore) -> None:
        self.store = store

    def add(self, memories: Sequence[NewMemory]) -> None:
        self.store.add(memories).result()

    def hits(self, text: str, user_id: str | None = NO_USER, top_k: int = 10, **given: Any) -> list[Hit]:
        """`by_words=True`: without a vector; `now`: when it is."""
        view = self.store.view(user_id)
        asked = None if given.pop("by_words", False) else vector(text)
        now = given.pop("now", NOW)
        state = standing(view.roster, now, Pauses([]), 168, 0.1)
        return search(view, state, Query(text, asked, top_k, now, **given), lambda *_: None)

    def ids(self, text: str, user_id: str | None = NO_USER, top_k: int = 10, **given: Any) -> list[str]:
        return self.names([hit.seq for hit in self.hits(text, user_id, top_k, **given)])

    def names(self, seqs: Sequence[int]) -> list[str]:
        memories = self.store.fetch(seqs)
        return [memories[seq].id for seq in seqs]


@contextmanager
def searching(exact_limit: int = 1_000) -> Iterator[Searching]:
    with TemporaryDirectory(prefix="memorybank-test-") as folder:
        store = SqliteStore(Path(folder), "counts/of-words", DIMENSION, exact_limit)
        try:
            yield Searching(store)
        finally:
            store.close()
