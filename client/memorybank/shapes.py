"""Answers that come in parts, described for both clients: a list page by page, a body line by line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from memorybank.call import Answer, Call
from memorybank.records import Page

T = TypeVar("T")


@dataclass(frozen=True)
class Pages(Generic[T]):
    """A list that is asked for page by page, while somebody wants more."""

    page: Callable[[str | None], Call[Page[T]]]
    """The call for the page after this cursor; None: the first."""


@dataclass(frozen=True)
class Lines:
    """NDJSON, each line an object."""

    call: Call[Answer]


class LineReader:
    """Cuts the pieces of a body into its lines, which end at a line feed and at nothing else, and reads each.

    (Within JSON, U+2028 and its like are ordinary characters: what splits texts into lines would split them there.)
    """

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The records whose lines end in this piece; raises ValueError where a line is no JSON object."""
        first, *others = piece.split(b"\n")
        self._begun.append(first)
        if not others:
            return []
        lines = [b"".join(self._begun), *others[:-1]]
        self._begun = [others[-1]]
        return [_record(line) for line in lines if line.strip()]

    def end(self) -> list[dict[str, Any]]:
        """The record of a last line that has no line feed."""
        return self.feed(b"\n")


def _record(line: bytes) -> dict[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("a line of the answer is no JSON object")
    return record
