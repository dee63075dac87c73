"""Filters in a query parameter, as JSON or as what Python prints: mem0's client sends the latter.

    {'user_id': 'ada', 'AND': [{'run_id': None}, {'metadata': {'done': True}}]}

Python's way of writing is turned into JSON's token by token. Nothing is evaluated, and what is neither is refused: a
filter that is not understood must never count as none.
"""

import json
import re
from typing import Any

LONGEST = 8192
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
        |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
        |(?P<word>True|False|None)
        |(?P<mark>[{}\[\]:,])
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_ESCAPE = re.compile(r"\\(?:([\\'\"nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_CHARACTERS = {"n": "\n", "r": "\r", "t": "\t"}


class WrittenError(ValueError):
    """A clause that says what is wrong."""

    def __init__(self, clause: str = "must be JSON, or a dictionary as Python prints it") -> None:
        super().__init__(clause)


def read_written(text: str) -> Any:
    """Raises WrittenError."""
    if len(text) > LONGEST:
        raise WrittenError(f"must have at most {LONGEST} characters")
    try:
        return _json(text)
    except WrittenError:
        return _json(_as_json(text))


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except WrittenError:
        raise
    except (ValueError, RecursionError):  # malformed, a number of thousands of digits, thousands of brackets
        raise WrittenError from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise WrittenError("names a field twice")
    return read


def _refuse(constant: str) -> None:
    raise WrittenError(f"must not hold {constant}")


def _as_json(text: str) -> str:
    parts, place = [], 0
    text = text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise WrittenError
        place = token.end()
        if (literal := token["text"]) is not None:
            parts.append(json.dumps(_ESCAPE.sub(_character, literal[1:-1])))
        else:
            parts.append(_WORDS.get(token["word"] or "") or token["number"] or token["mark"])
    return " ".join(parts)


def _character(escape: re.Match[str]) -> str:
    plain, *codes, unknown = escape.groups()
    if unknown is not None:
        raise WrittenError
    if plain is not None:
        return _CHARACTERS.get(plain, plain)
    code = int(next(digits for digits in codes if digits), 16)
    if code > 0x10FFFF:
        raise WrittenError
    return chr(code)
