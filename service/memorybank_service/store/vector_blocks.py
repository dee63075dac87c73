"""A scope's vectors in memory, for a scan that misses none.

In blocks, so that growing copies nothing and wastes little: one array that doubles would take half as much again.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK = 1_024
_AT_ONCE = 384  # dimensions: so few that the product stays in this thread, as its library's busily wait for each other

Matrix = NDArray[np.float32]


def decode(blob: bytes | None, dimension: int) -> Matrix:
    """A stored vector (float16, which keeps a cosine to 1e-4) as float32; zeros where there is none of this length."""
    if blob is None or len(blob) != 2 * dimension:
        return np.zeros(dimension, np.float32)
    return np.frombuffer(blob, np.float16).astype(np.float32)


def decode_all(blobs: Sequence[bytes | None], dimension: int) -> Matrix:
    if all(blob is not None and len(blob) == 2 * dimension for blob in blobs):
        joined = b"".join(blobs)  # type: ignore[arg-type]  # none of them is None
        return np.frombuffer(joined, np.float16).reshape(-1, dimension).astype(np.float32)
    return np.stack([decode(blob, dimension) for blob in blobs])


def encode(vector: Matrix) -> bytes:
    return vector.astype(np.float16).tobytes()


class VectorBlocks:
    """Rows are appended or overwritten, never moved; a scan of the first so many may go on meanwhile."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._blocks: list[Matrix] = []
        """A vector is a column of one: read along the dimensions, a scan takes half the time."""
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
                self._blocks.append(np.zeros((self._dimension, room), np.float32))
            block = self._blocks[-1]
            if start + len(vectors) > block.shape[1] < BLOCK:
                wider = np.zeros((self._dimension, min(BLOCK, 2 * (start + len(vectors)))), np.float32)
                wider[:, :start] = block[:, :start]
                self._blocks[-1] = block = wider
            fitting = vectors[: block.shape[1] - start]
            block[:, start : start + len(fitting)] = fitting.T
            self._length += len(fitting)
            vectors = vectors[len(fitting) :]

    def replace(self, place: int, vector: Matrix) -> None:
        self._blocks[place // BLOCK][:, place % BLOCK] = vector

    def cosines(self, vector: Matrix, length: int) -> Matrix:
        """Of the first `length` rows."""
        result = np.empty(length, np.float32)
        for start in range(0, length, BLOCK):
            into, block = result[start : start + BLOCK], self._blocks[start // BLOCK]
            # The whole block, with what nobody asks for: a part of its width would be read at half the speed.
            product = vector[:_AT_ONCE] @ block[:_AT_ONCE]
            for row in range(_AT_ONCE, self._dimension, _AT_ONCE):
                product += vector[row : row + _AT_ONCE] @ block[row : row + _AT_ONCE]
            into[:] = product[: len(into)]
        return result
