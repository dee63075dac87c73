"""Filters as a JSON Schema, for the description of the API."""

from collections.abc import Iterable
from typing import Any

from memorybank_service.http.filters import (
    DEEPEST,
    FILTER,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_CONDITIONS,
    MOST_MEMBERS,
    MOST_VALUES,
    ORDERS,
)
from memorybank_service.store.filters import TEXT_FIELDS, TIME_FIELDS

CONDITION = "#/components/schemas/Condition"


def filter_schemas() -> dict[str, Any]:
    """As JSON Schemas by their names; `Filter` is the one to begin with."""
    this = {"$ref": FILTER}
    scalar = {"type": ["string", "number", "boolean", "null"], "maxLength": LONGEST_TEXT}
    text, absent = {"type": "string", "maxLength": LONGEST_TEXT}, {"type": "null"}
    moment = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    number = {"type": "number"}
    names = {"minLength": 1, "maxLength": LONGEST_NAME}
    several = {"type": "array", "items": this, "minItems": 1, "maxItems": MOST_MEMBERS}

    def condition(equal: Any, ordered: Any = None, part: Any = None) -> dict[str, Any]:
        listed = {"type": "array", "items": equal, "maxItems": MOST_VALUES}
        operators = {"eq": equal, "ne": equal, "in": listed, "nin": listed, "exists": {"type": "boolean"}}
        operators |= dict.fromkeys(sorted(ORDERS), ordered) if ordered is not None else {}
        operators |= {"contains": part, "icontains": text} if part is not None else {}
        asked = {"type": "object", "properties": operators, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [equal, asked]}

    of_metadata = condition(scalar, {"type": ["string", "number"], "maxLength": LONGEST_TEXT}, scalar)
    of_metadata["anyOf"].append({"type": "array", "items": scalar, "maxItems": MOST_VALUES})
    own = {
        _pattern(TEXT_FIELDS): condition({"anyOf": [text, absent]}, text, text),
        _pattern(TIME_FIELDS): condition({"anyOf": [*moment["anyOf"], absent]}, moment),
        _pattern({"importance"}): condition(number, number),
        _pattern({"pinned"}): condition({"type": "boolean"}),
    }
    return {
        "Condition": of_metadata
        | {"description": "A value, a list that is contained, or operators, all of which hold."},
        "Filter": {
            "type": "object",
            "description": "Narrows what is found; all of its members hold. A name is a memory's field or a key "
            f"of its metadata; a date, the whole day. At most {MOST_CONDITIONS} conditions, {DEEPEST} deep.",
            "properties": {
                "AND": several,
                "OR": several,
                "NOT": {"anyOf": [this, several]},
                "metadata": {
                    "type": "object",
                    "additionalProperties": {"$ref": CONDITION},
                    "propertyNames": names,
                    "maxProperties": MOST_MEMBERS,
                },
            },
            "patternProperties": own,
            "additionalProperties": {"$ref": CONDITION},
            "propertyNames": names | {"not": {"const": "state"}},
            "maxProperties": MOST_MEMBERS,
            "examples": [
                {"speaker": "Ada", "created_at": {"gte": "2027-01-01", "lt": "2027-02-01"}},
                {"OR": [{"metadata": {"topic": "tea"}}, {"tags": {"contains": "tea"}}], "NOT": {"run_id": "s1"}},
            ],
        },
    }


def _pattern(names: Iterable[str]) -> str:
    return f"^({'|'.join(sorted(names))})$"
