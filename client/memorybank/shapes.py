"""Answers that come in parts, described for both clients: a list page by page, a body piece by piece."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Generic, Protocol, TypeVar

from memorybank.call import Answer, Call
from memorybank.errors import ConnectionFailedError, UnexpectedAnswerError
from memorybank.record import Page

T = TypeVar("T")


@dataclass(frozen=True)
class Pages(Generic[T]):
    """A list that is asked for page by page, while somebody wants more."""

    page: Callable[[str | None], Call[Page[T]]]
    """The call for the page after this cursor; None: the first."""


class Watch(Protocol):
    """Sees a body pass by."""

    def see(self, piece: bytes) -> None: ...

    def check(self) -> None:
        """Raises ConnectionFailedError where what has passed by was not all of it."""


@dataclass(frozen=True)
class Stream:
    """A body that is taken as it comes, never all of it in memory: lines of JSON, or bytes for a file."""

    call: Call[Answer]
    watch: Callable[[Answer], Watch]


@dataclass(frozen=True)
class Copy:
    """A stream on its way into a file that is open for writing bytes."""

    stream: Stream
    file: IO[bytes]


_LONGEST_END = 4096


class LineReader:
    """Cuts the pieces of a body into its lines, which end at a line feed and at nothing else, and reads each.

    (Within JSON, U+2028 and its like are ordinary characters: what splits texts into lines would split them there.)
    """

    def __init__(self) -> None:
        self._begun: list[bytes] = []

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The records whose lines end in this piece; raises UnexpectedAnswerError where a line is no JSON object."""
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


class LastLine:
    """Watches NDJSON whose last line is of a type of its own: without it, it was broken off, however politely."""

    def __init__(self, last_type: str) -> None:
        self._last_type = last_type
        self._tail = b""

    def see(self, piece: bytes) -> None:
        self._tail = (self._tail + piece)[-_LONGEST_END:]

    def check(self) -> None:
        last = self._tail.rstrip().rpartition(b"\n")[2]
        try:
            is_whole = _record(last).get("type") == self._last_type
        except UnexpectedAnswerError:
            is_whole = False
        if not is_whole:
            raise ConnectionFailedError("the answer broke off: its last line is missing")


class Sum:
    """Watches a body whose SHA-256 its headers tell (`Repr-Digest`, RFC 9530)."""

    def __init__(self, answer: Answer) -> None:
        import hashlib

        told = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", answer.headers.get("repr-digest", ""))
        self._told = None if told is None else told[1]
        self._sum = hashlib.sha256()

    def see(self, piece: bytes) -> None:
        self._sum.update(piece)

    def check(self) -> None:
        if self._told is not None and base64.b64encode(self._sum.digest()).decode() != self._told:
            raise ConnectionFailedError("the answer came damaged: its SHA-256 is another one")


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise UnexpectedAnswerError(200, "a line of the answer is no JSON object")
    return record
