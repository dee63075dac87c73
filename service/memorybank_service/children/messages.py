"""What goes over the pipes: pickled tuples in the framing of `multiprocessing.connection`, each of a bounded size.

Pickle is fine here because both ends are our own programs, and arrays pass through it without being walked.
"""

import pickle
from typing import Any

LARGEST_MESSAGE = 64 << 20
"""Bytes; a longer one is refused by its sender, and ends the connection at its receiver."""

_PROTOCOL = 5


class MessageTooLongError(ValueError):
    pass


def encode(message: tuple[Any, ...]) -> bytes:
    """Raises what pickle raises for values that it cannot write."""
    encoded = pickle.dumps(message, _PROTOCOL)
    if len(encoded) > LARGEST_MESSAGE:
        raise MessageTooLongError(f"a message of {len(encoded)} bytes; {LARGEST_MESSAGE} are allowed")
    return encoded


def decode(encoded: bytes) -> tuple[Any, ...]:
    message = pickle.loads(encoded)  # noqa: S301 - from our own program, over a pipe that nobody else has
    if not isinstance(message, tuple):
        raise pickle.UnpicklingError("not a message")
    return message
