"""What a language model answered, read without believing it: one JSON object, of bounded texts, naming known things.

A part that does not hold is dropped, an answer that is none raises BadAnswerError: then it is worth asking again.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from memorybank_service.llm import Schema
from memorybank_service.llm.errors import BadAnswerError

LONGEST_ANSWER = 256 << 10
"""Characters; what is longer is no answer to what we ask."""
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def read_object(text: str) -> dict[str, Any]:
    """The JSON object that the answer is, bare or in a fence. Raises BadAnswerError."""
    if len(text) > LONGEST_ANSWER:
        raise BadAnswerError("the model's answer is too long to be one")
    if fenced := _FENCE.match(text):
        text = fenced[1]
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadAnswerError("the model's answer is no JSON") from None
    if not isinstance(value, dict):
        raise BadAnswerError("the model's answer is no JSON object")
    return value


def read_list(answer: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    """The objects of a list, at most so many; what else is in it is dropped. Raises BadAnswerError if it is no list."""
    value = answer.get(name)
    if not isinstance(value, list):
        raise BadAnswerError(f"the model's answer has no list of {name}")
    return [entry for entry in value if isinstance(entry, dict)][:most]


def text_in(entry: Mapping[str, Any], name: str, longest: int) -> str | None:
    """A text on one line, without characters that nobody sees; None where there is none, or it is too long."""
    value = entry.get(name)
    if not isinstance(value, str) or len(value) > 4 * longest:
        return None
    visible = "".join(" " if character.isspace() else character for character in value if _is_shown(character))
    text = " ".join(visible.split())
    return text if 0 < len(text) <= longest else None


def ids_in(entry: Mapping[str, Any], name: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """What the aliases of a list stand for, each once; those that nobody gave are dropped."""
    value = entry.get(name)
    named: Iterable[Any] = value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(known[alias] for alias in named if isinstance(alias, str) and alias in known))


def share_in(entry: Mapping[str, Any], name: str, default: float) -> float:
    """A number from 0 to 1."""
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    return float(min(1.0, max(0.0, value)))


def object_schema(**properties: Schema) -> Schema:
    """In the part of JSON schema that every provider takes."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def list_schema(items: Schema) -> Schema:
    return {"type": "array", "items": items}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}


def choice_schema(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _is_shown(character: str) -> bool:
    """Neither a control nor a formatting character (which could turn a text's direction), nor half of one."""
    return character.isspace() or unicodedata.category(character)[0] != "C"
