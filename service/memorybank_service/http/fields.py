"""Types of request fields with their bounds: everything that a client sends has an end."""

import json
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

LARGEST_CONTENT = 32 << 10
LARGEST_METADATA = 16 << 10
MOST_KEYS = 64
LONGEST_KEY = 128
LONGEST_ID = 256
DEEPEST_METADATA = 8
MOST_RESULTS = 100
MOST_WANTED = 64  # values of one list in a filter
_BLANKS = "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What `\\s` is in the pattern of a JSON Schema; Python's own idea of it is another one."""
_INTEGERS = range(-(2**63), 2**63)


def is_blank(text: str) -> bool:
    return not text.strip(_BLANKS)


def _bounded_text(text: str) -> str:
    if is_blank(text):
        raise ValueError("must not be empty")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it holds half of a surrogate pair") from None
    if size > LARGEST_CONTENT:
        raise ValueError(f"must be at most {LARGEST_CONTENT} bytes in UTF-8, not {size}")
    return text


def _bounded_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(metadata) > MOST_KEYS:
        raise ValueError(f"must have at most {MOST_KEYS} keys, not {len(metadata)}")
    for key in metadata:
        if not key or len(key) > LONGEST_KEY:
            raise ValueError(f"each key must have 1 to {LONGEST_KEY} characters; {key[:20]!r} has {len(key)}")
    if _depth(metadata) > DEEPEST_METADATA:
        raise ValueError(f"must be nested at most {DEEPEST_METADATA} levels deep")
    try:
        size = len(json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode())
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode: it holds half of a surrogate pair") from None
    except ValueError:
        raise ValueError("must not hold NaN or Infinity, which JSON does not know") from None
    if size > LARGEST_METADATA:
        raise ValueError(f"must be at most {LARGEST_METADATA} bytes as JSON, not {size}")
    return metadata


def _depth(value: Any) -> int:
    """Without recursion: how deep a client nests must not be how deep we call."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
    return depth


EVERY_USER = "*"
_IDS = ("user_id", "session_id")


def one_user(user_id: str | None) -> str | None:
    if user_id == EVERY_USER:
        raise ValueError(f"`{EVERY_USER}` stands for every user, and cannot have memories of its own")
    return user_id


def _of_one_user(metadata: dict[str, Any]) -> dict[str, Any]:
    one_user(metadata.get("user_id"))
    return metadata


def _known_ids(metadata: dict[str, Any]) -> dict[str, Any]:
    for name in _IDS:
        value = metadata.get(name)
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= LONGEST_ID):
            raise ValueError(f"{name} must be a text of 1 to {LONGEST_ID} characters")
    return metadata


def _filter_values(metadata: dict[str, Any]) -> dict[str, Any]:
    for name, value in metadata.items():
        if isinstance(value, list) and len(value) > MOST_WANTED:
            raise ValueError(f"{name} must be a list of at most {MOST_WANTED} values, not {len(value)}")
        for member in value if isinstance(value, list) else [value]:
            if isinstance(member, dict | list) or (isinstance(value, list) and member is None):
                raise ValueError(f"{name} must be a text, a number, true, false, null or a list of such")
            if isinstance(member, int) and member not in _INTEGERS:
                raise ValueError(f"{name} must be a number of at most 64 bits")
    return metadata


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown_as(**example: object) -> ConfigDict:
    """The configuration of an answer's model, with what one looks like."""
    return ConfigDict(json_schema_extra={"examples": [cast(JsonValue, example)]})


class Strict(BaseModel):
    """A request in which nothing is taken for something else: no field that is not known, no "5" for 5."""

    model_config = ConfigDict(extra="forbid", strict=True)


# Of `\S` alone, tools that make requests of the description make 32768 times `\S`, and a gigabyte of automata.
NOT_BLANK = r"\S[\s\S]*$"
_TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": LARGEST_CONTENT, "pattern": NOT_BLANK}
_METADATA_SCHEMA = {
    "type": "object",
    "additionalProperties": True,
    "maxProperties": MOST_KEYS,
    "propertyNames": {"minLength": 1, "maxLength": LONGEST_KEY},
    "description": f"At most {LARGEST_METADATA >> 10} KiB as JSON, nested at most {DEEPEST_METADATA} deep.",
}
_FILTER_VALUE = {"type": ["string", "integer", "number", "boolean"]}
_FILTER_SCHEMA = _METADATA_SCHEMA | {
    "additionalProperties": {
        "anyOf": [
            _FILTER_VALUE,
            {"type": "null"},
            {"type": "array", "items": _FILTER_VALUE, "maxItems": MOST_WANTED},
        ]
    },
    "description": "Narrows by equality; a list asks for a list that contains all of it.",
}
_KNOWN_IDS = {
    "properties": {name: {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_ID} for name in _IDS}
}
_KNOWN_IDS_OF_SOMEBODY = {
    "properties": {
        **_KNOWN_IDS["properties"],
        "user_id": {**_KNOWN_IDS["properties"]["user_id"], "not": {"const": EVERY_USER}},
    }
}

Text = Annotated[str, AfterValidator(_bounded_text), WithJsonSchema(_TEXT_SCHEMA)]
PlainMetadata = Annotated[dict[str, Any], AfterValidator(_bounded_metadata), WithJsonSchema(_METADATA_SCHEMA)]
"""In which no key means anything to us."""
Metadata = Annotated[
    dict[str, Any],
    AfterValidator(_bounded_metadata),
    AfterValidator(_known_ids),
    AfterValidator(_of_one_user),
    WithJsonSchema(_METADATA_SCHEMA | _KNOWN_IDS_OF_SOMEBODY),
]
MetadataFilter = Annotated[
    dict[str, Any],
    AfterValidator(_bounded_metadata),
    AfterValidator(_known_ids),
    AfterValidator(_filter_values),
    WithJsonSchema(_FILTER_SCHEMA | _KNOWN_IDS),
]
WHOLE = BeforeValidator(_whole)
"""For a strict integer: JSON has one kind of numbers, and 3.0 is 3."""
TopK = Annotated[int, Field(ge=1, le=MOST_RESULTS, strict=True), WHOLE]
MemoryId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]+$")]
"""Of a user, an agent, a run, a speaker, a memory: any characters but NUL."""
NOT_EVERYONE: dict[str, Any] = {"not": {"const": EVERY_USER}}
Somebody = Annotated[Name, AfterValidator(one_user), Field(json_schema_extra=NOT_EVERYONE)]
"""A user that something is stored for: one that no route takes for everyone."""
Importance = Annotated[float, Field(ge=0, le=1)]
Limit = Annotated[int, Field(ge=1, le=1000, description="Results on a page.")]
Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,18}$", description="`next_cursor` of the page before.")]
