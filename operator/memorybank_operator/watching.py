"""What a watch tells, line by line.

Errors: ApiError where the API server tells one in the middle of a watch; Unreadable where a line is none of its own.
"""

from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from memorybank_operator.answers import ApiError, Unreadable, read
from memorybank_operator.objects import Metadata, Object, lean


class Event(msgspec.Struct):
    """What a watch tells: ADDED, MODIFIED or DELETED, and the object; BOOKMARK, and one that has a version alone."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Object


class _Aside(msgspec.Struct):
    """A line that tells of no object."""

    type: str
    object: msgspec.Raw


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str


class _Place(msgspec.Struct):
    metadata: _Version


_event = msgspec.json.Decoder(Event).decode
_aside = msgspec.json.Decoder(_Aside).decode
_place = msgspec.json.Decoder(_Place).decode


async def lines_of(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Whole lines, of whatever length: what is cut off at the end is none."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def event_of(line: bytes, status: int) -> Event:
    """A line of a watch; ApiError where it is one."""
    try:
        event = _event(line)
    except msgspec.ValidationError:
        return _aside_of(line, status)
    except msgspec.DecodeError as error:
        raise _no_event(status, error) from error
    lean(event.object)
    return event


def _aside_of(line: bytes, status: int) -> Event:
    try:
        aside = _aside(line)
        if aside.type == "BOOKMARK":
            version = _place(aside.object).metadata.resource_version
            return Event("BOOKMARK", Object(Metadata(name="", resource_version=version)))
        if aside.type != "ERROR":
            _event(line)  # says what is wrong with it
    except msgspec.DecodeError as error:
        raise _no_event(status, error) from error
    told = read(bytes(aside.object), "kind")
    raise ApiError(int(told.get("code") or 500), str(told.get("reason") or ""), str(told.get("message") or ""))


def _no_event(status: int, error: msgspec.DecodeError) -> Unreadable:
    return Unreadable(status, "Unreadable", f"the watch tells no event: {error}")
