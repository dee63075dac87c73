"""Vectors of texts. A provider is anything that keeps to `Embedder`."""

from collections.abc import Sequence
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Of length 1, so that a dot product is the cosine."""


class EmbeddingError(Exception):
    """No vectors now; the message is a sentence without a key or a text."""

    def __init__(self, sentence: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retryable, self.retry_after = retryable, retry_after
        """Whether the same may succeed later; in how many seconds, where it is known."""


class TextRefusedError(EmbeddingError):
    """The provider does not take these texts, or one of them."""


class Embedder(Protocol):
    @property
    def name(self) -> str:
        """Provider and model, as recorded with the data: vectors of different names are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """0: not known before the first answer."""
        ...

    @property
    def at_once(self) -> bool:
        """Whether it is so quick and sure that a write can wait for its vector."""
        ...

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in their order. Takes its time: call it off the event loop. Raises EmbeddingError."""
        ...

    def forget(self) -> None:
        """What it remembers of texts."""
        ...


class AskedEmbedder(Embedder, Protocol):
    """One that has to be asked for over a network. Its calls may be made in several threads at a time."""

    @property
    def missing(self) -> str | None:
        """What the settings lack for it, a sentence; None: nothing."""
        ...

    @property
    def running(self) -> bool:
        """Whether what it takes to ask runs; else the next call takes seconds more."""
        ...

    def known(self, text: str) -> Vector | None:
        """Where it was asked for lately; asks nobody."""
        ...

    def probe(self) -> float:
        """How many seconds a short text takes, once what it takes to ask runs. Raises EmbeddingError."""
        ...


def has_to_be_asked(embedder: Embedder) -> TypeGuard[AskedEmbedder]:
    return not embedder.at_once
