"""The lines of an import, checked one by one: those of an export, and memories as POST /v1/memories takes them."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from memorybank_service.http.fields import (
    LARGEST_CONTENT,
    Importance,
    Name,
    PlainMetadata,
    Somebody,
    Strict,
    Text,
    is_blank,
    one_user,
)
from memorybank_service.http.problems import field_errors
from memorybank_service.http.times import Day, Time, parse_day
from memorybank_service.http.v1.bodies import AddRequest
from memorybank_service.http.v1.export_lines import VERSION
from memorybank_service.memory.import_rows import ImportRow, RowKind
from memorybank_service.store import NO_USER
from memorybank_service.store.records import OF_A_DAY, Action, Kind, SummaryKind

LARGEST_LINE = 512 << 10
"""Of a memory's words, its metadata and its vector, each escaped as far as it can be."""
_MOST_SOURCES = 1_000
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Told = Annotated[str, Field(max_length=LARGEST_CONTENT)]
_Ids = Annotated[list[Name], Field(max_length=_MOST_SOURCES)]
_User = Annotated[str | None, Field(max_length=256), AfterValidator(one_user)]


class _Space(Strict):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    dimension: Annotated[int, Field(ge=0, le=65_536)]


class _First(BaseModel):
    """What it says beside this is for people."""

    model_config = ConfigDict(strict=True)

    version: Annotated[int, Field(ge=1, le=VERSION)]
    space: _Space


class _Memory(Strict):
    id: Name
    content: Text
    user_id: _User = None
    agent_id: Name | None = None
    run_id: Name | None = None
    speaker: Name | None = None
    created_at: Time
    stored_at: Time
    updated_at: Time
    metadata: PlainMetadata
    importance: Importance
    pinned: bool
    expires_at: Time | None
    kind: Kind
    source_ids: _Ids
    superseded_by: Annotated[str | None, Field(max_length=256)]
    added_by: Annotated[str | None, Field(max_length=256)] = None
    recalls: Annotated[int, Field(ge=0, le=1_000_000_000)]
    recalled_at: Time | None
    decay_seconds: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
    vector: Annotated[str | None, Field(max_length=1 << 18)]


class _Event(Strict):
    user_id: _User = None
    memory_id: Name
    action: Action
    old_content: _Told | None
    new_content: _Told | None
    at: Time
    actor: Annotated[str | None, Field(max_length=256)]


class _Tombstone(Strict):
    user_id: _User = None
    digest: _Digest
    at: Time


class _Summary(Strict):
    user_id: Somebody
    kind: SummaryKind
    day: Day | Literal[""]
    text: _Told
    source_ids: Annotated[list[Name], Field(min_length=1, max_length=100_000)]
    model: Annotated[str, Field(max_length=256)]
    made_at: Time

    @field_validator("day")
    @classmethod
    def _fits_the_kind(cls, day: str, info: ValidationInfo) -> str:
        if "kind" in info.data and (info.data["kind"] in OF_A_DAY) != bool(day):
            raise ValueError("must be a day for `day` and `insight`, and empty for what is of all days")
        return day

    @field_validator("source_ids")
    @classmethod
    def _are_days_of_a_whole(cls, sources: list[str], info: ValidationInfo) -> list[str]:
        return sources if info.data.get("kind") in OF_A_DAY else [parse_day(source) for source in sources]


_PLAIN: TypeAdapter[AddRequest] = TypeAdapter(AddRequest)
_TYPED: dict[str, tuple[RowKind, type[BaseModel]]] = {
    "memory": ("memory", _Memory),
    "event": ("event", _Event),
    "tombstone": ("tombstone", _Tombstone),
    "summary": ("summary", _Summary),
}
LineType = Literal["memorybank-export", "memory", "event", "tombstone", "summary", "end"]


def rows_of(number: int, line: bytes) -> list[ImportRow]:
    """What the line of this number holds; one row that says what is wrong with it, if anything is."""
    if _is_blank(line):
        return []
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return [refused(number, "line", "is not valid JSON")]
    if not isinstance(value, dict):
        return [refused(number, "line", "must be an object")]
    try:
        return list(_rows(number, value))
    except ValidationError as error:
        return [refused(number, *field_errors(error.errors())[0])]


def refused(number: int, field: str, message: str) -> ImportRow:
    return ImportRow(number, "error", {"field": field, "message": message})


def _rows(number: int, value: dict[str, Any]) -> Iterator[ImportRow]:
    if "type" not in value:
        yield from _plain(number, value)
        return
    kind, rest = value["type"], {name: given for name, given in value.items() if name != "type"}
    if kind == "memorybank-export":
        yield ImportRow(number, "space", {"name": _First.model_validate(rest).space.name})
    elif kind == "end":
        yield ImportRow(number, "end", {})
    elif isinstance(kind, str) and kind in _TYPED:
        row_kind, model = _TYPED[kind]
        fields = model.model_validate(rest).model_dump()
        user_id = fields.pop("user_id") or NO_USER
        if row_kind == "summary":
            fields["sources"] = fields.pop("source_ids")
        yield ImportRow(number, row_kind, fields, user_id)
    else:
        yield refused(number, "type", "is none of an export's lines")


def _plain(number: int, value: dict[str, Any]) -> Iterator[ImportRow]:
    for place, draft in enumerate(_PLAIN.validate_python(value).drafts()):
        fields = {name: given for name, given in vars(draft).items() if name != "user_id"}
        yield ImportRow(number, "draft", fields, draft.user_id, place)


class Lines:
    """Cuts what arrives into lines, and remembers of one that is too long only that it is."""

    def __init__(self) -> None:
        self._rest, self._number, self._too_long = b"", 0, False
        self.are_blank = True
        """There has been nothing in them yet."""

    def feed(self, chunk: bytes) -> Sequence[ImportRow]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        rows = [row for line in whole for row in self._line(line)]
        if len(self._rest) > LARGEST_LINE:
            self._rest, self._too_long = b"", True
        return rows

    def end(self) -> Sequence[ImportRow]:
        """What the last line holds, which need not be ended."""
        rest, self._rest = self._rest, b""
        return self._line(rest) if rest or self._too_long else []

    def _line(self, line: bytes) -> list[ImportRow]:
        self._number += 1
        too_long, self._too_long = self._too_long or len(line) > LARGEST_LINE, False
        if too_long:
            self.are_blank = False
            return [refused(self._number, "line", f"must be at most {LARGEST_LINE} bytes")]
        self.are_blank = self.are_blank and _is_blank(line)
        return rows_of(self._number, line)


def _is_blank(line: bytes) -> bool:
    return not line.startswith(b"{") and is_blank(line.decode(errors="replace"))
