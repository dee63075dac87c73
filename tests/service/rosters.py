"""Rosters as a test wants them: what it does not say about their memories is ordinary."""

import math

import numpy as np
from numpy.typing import ArrayLike

from memorybank_service.store import Roster

_ORDINARY: dict[str, tuple[object, object]] = {
    "anchor": (np.float64, 0.0),
    "recalls": (np.int32, 0),
    "pinned": (np.bool_, False),
    "expires_at": (np.float64, math.inf),
    "created_at": (np.float64, 0.0),
    "words": (np.int32, 10),
    "marks": (np.uint8, 0),
    "embedded": (np.bool_, True),
    "session": (np.int32, -1),
    "agent": (np.int32, -1),
    "speaker": (np.int32, -1),
    "linked": (np.bool_, False),
    "previous": (np.int32, -1),
    "superseded": (np.bool_, False),
    "alive": (np.bool_, True),
}


def roster_of(count: int, **given: ArrayLike) -> Roster:
    columns = {name: np.full(count, given.get(name, value), kind) for name, (kind, value) in _ORDINARY.items()}
    return Roster(seq=np.arange(1, count + 1), **columns)
