"""Vectors of texts. A provider is anything that keeps to `Embedder`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""Of length 1, so that a dot product is the cosine."""


class Embedder(Protocol):
    @property
    def name(self) -> str:
        """Provider and model, as recorded with the data: vectors of different names are never compared."""
        ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector a text, in their order. Takes its time: call it off the event loop."""
        ...
