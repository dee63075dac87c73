"""An embedding that has to be asked for over a network, in a test's hands: it answers, fails, or keeps one waiting.

Its vectors are made of the words of a text, so that texts which share words lie near each other.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence

import numpy as np

from memorybank_service.embedding import Vector


class RemoteModel:
    at_once = False
    missing: str | None = None

    def __init__(self, name: str = "remote/model", dimension: int = 64, known: bool = True) -> None:
        self.name, self.dimension = name, dimension if known else 0
        self._length = dimension
        self.calls: list[list[str]] = []
        self.fails: Callable[[Sequence[str]], Exception | None] = lambda texts: None
        self.answering = threading.Event()
        self.answering.set()
        self.running = True
        self.probes = 0
        self.probe_fails: Exception | None = None
        self.answers_in = 0.0
        """What a probe says that it took."""

    @property
    def embedded(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.calls.append(list(texts))
        self.answering.wait(30)
        if (error := self.fails(texts)) is not None:
            raise error
        return [self._vector(text) for text in texts]

    def known(self, text: str) -> Vector | None:
        return None

    def probe(self) -> float:
        self.probes += 1
        self.answering.wait(30)
        if self.probe_fails is not None:
            raise self.probe_fails
        self.running = True
        return self.answers_in

    def forget(self) -> None:
        """It remembers nothing."""

    def _vector(self, text: str) -> Vector:
        made = np.zeros(self._length, np.float32)
        for word in text.lower().replace(".", " ").replace("?", " ").split():
            made[hashlib.sha256(word.encode()).digest()[0] % self._length] += 1
        normed: Vector = made / max(1e-6, float(np.linalg.norm(made)))
        return normed
