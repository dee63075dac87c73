"""The body of a batch, `{"memories": [...]}`, read a memory at a time.

One call that reads megabytes of JSON holds the interpreter for all of them, in whichever thread; here other threads,
the event loop's above all, get their turn between two memories.
"""

import json
import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any

from memorybank_service.http.body_limit import LARGEST_BODY
from memorybank_service.http.problems import Problem

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODE = json.JSONDecoder().raw_decode
_USUAL = 4096
"""Characters in which most memories end; a longer one is tried again in as many as it may have."""
LARGEST_MEMORY = LARGEST_BODY


def read_batch(body: bytes, most: int) -> Iterator[object]:
    """The members of `memories` in their order. Raises Problem 400, 413 or 422 where the body is no batch."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _malformed() from None
    if not text.startswith("{", place := _past_space(text, 0)):
        raise _invalid("body", "must be an object with the field `memories`")
    if text.startswith("}", place := _past_space(text, place + 1)):
        raise _invalid("memories", "Field required")
    name, place = _value(text, place)
    place = _after(text, place, ":")
    if name != "memories":
        shown = str(name)[:80].encode(errors="replace").decode()
        raise _invalid(shown, "is not a field of this request")
    if not text.startswith("[", place := _past_space(text, place)):
        raise _invalid("memories", "must be a list")
    place = _past_space(text, place + 1)
    if text.startswith("]", place):
        raise _invalid("memories", "must have at least one memory")
    for count in range(1, most + 2):
        if count > most:
            raise _invalid("memories", f"must have at most {most} memories")
        member, place = _value(text, place)
        yield member
        place = _past_space(text, place)
        if text.startswith("]", place):
            break
        place = _after(text, place, ",")
    place = _past_space(text, place + 1)
    if text.startswith(",", place):
        raise _invalid("body", "must have the field `memories` alone")
    if _after(text, place, "}") != len(text):
        raise _malformed()


def _value(text: str, place: int) -> tuple[Any, int]:
    place = _past_space(text, place)
    for size in (_USUAL, LARGEST_MEMORY):
        try:
            value, length = _DECODE(text[place : place + size])
        except JSONDecodeError:
            continue
        except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
            raise _malformed() from None
        # Of what was cut through, only a bare number could pass for whole.
        if length < size or place + size >= len(text):
            return value, place + length
    if len(text) - place > LARGEST_MEMORY:
        raise Problem(
            413, "body-too-large", f"A memory is malformed or longer than {LARGEST_MEMORY} characters as JSON."
        )
    raise _malformed()


def _after(text: str, place: int, expected: str) -> int:
    place = _past_space(text, place)
    if not text.startswith(expected, place):
        raise _malformed()
    return _past_space(text, place + 1)


def _past_space(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    return place if space is None else space.end()


def _malformed() -> Problem:
    return Problem(400, "malformed-request", "The body is not valid JSON.")


def _invalid(field: str, message: str) -> Problem:
    return Problem(422, "invalid-request", f"{field}: {message}.", [{"field": field, "message": message}])
