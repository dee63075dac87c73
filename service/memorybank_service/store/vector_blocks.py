"""A scope's vectors in memory, for a scan that misses none.

In blocks, so that growing copies nothing and wastes little: one array that doubles would take half as much again.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 2_048

Matrix = NDArray[np.float32]


def decode(blob: bytes | None, dimension: int) -> Matrix:
    """A stored vector (float16, which keeps a cosine to 1e-4) as float32; zeros where there is none of this length."""
    if blob is None or len(blob) != 2 * dimension:
        return np.zeros(dimension, np.float32)
    return np.frombuffer(blob, np.float16).astype(np.float32)


def encode(vector: Matrix) -> bytes:
    return vector.astype(np.float16).tobytes()


class VectorBlocks:
    """Rows are appended or overwritten, never moved; a scan of the first so many may go on meanwhile."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._blocks: list[Matrix] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def size_bytes(self) -> int:
        return sum(block.nbytes for block in self._blocks)

    def append(self, vectors: Matrix) -> None:
        while len(vectors):
            start = self._length % BLOCK
            if start == 0 and self._length == BLOCK * len(self._blocks):
                # A small user's only block is as small as the user.
                room = BLOCK if self._blocks else min(BLOCK, max(16, len(vectors)))
                self._blocks.append(np.zeros((room, self._dimension), np.float32))
            block = self._blocks[-1]
            if start + len(vectors) > len(block) < BLOCK:
                wider = np.zeros((min(BLOCK, 2 * (start + len(vectors))), self._dimension), np.float32)
                wider[:start] = block[:start]
                self._blocks[-1] = block = wider
            fitting = vectors[: len(block) - start]
            block[start : start + len(fitting)] = fitting
            self._length += len(fitting)
            vectors = vectors[len(fitting) :]

    def replace(self, place: int, vector: Matrix) -> None:
        self._blocks[place // BLOCK][place % BLOCK] = vector

    def cosines(self, vector: Matrix, length: int) -> Matrix:
        """Of the first `length` rows."""
        result = np.empty(length, np.float32)
        for number, block in enumerate(self._blocks):
            start = number * BLOCK
            rows = min(BLOCK, length - start)
            if rows <= 0:
                break
            np.dot(block[:rows], vector, out=result[start : start + rows])
        return result
