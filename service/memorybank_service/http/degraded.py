"""What could not be used for an answer, as a header where others have fixed its form, which has no place for that."""

from collections.abc import Sequence
from typing import Any

HEADER = "X-MemoryBank-Degraded"


def degraded_header(degraded: Sequence[str]) -> dict[str, str]:
    """None where everything was used."""
    words = " ".join(degraded).encode("ascii", "replace").decode()  # a model's name may hold anything
    return {HEADER: "".join(sign if sign.isprintable() else "?" for sign in words)} if degraded else {}


def may_be_degraded() -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`."""
    told = {"description": "What could not be used for it, in sentences.", "schema": {"type": "string"}}
    return {200: {"headers": {HEADER: told}}}
