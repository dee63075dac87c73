"""What mem0's client sends. Options that mean nothing here are passed over, as its service does with unknown ones."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from memorybank_service.clock import LATEST
from memorybank_service.http.fields import Name, PlainMetadata, Text
from memorybank_service.http.mem0.filters import ENTITIES, last_moment
from memorybank_service.http.mem0.shape import APP_ID, IMMUTABLE
from memorybank_service.http.times import parse_day_or_time
from memorybank_service.http.v1.bodies import MOST_MESSAGES, Message
from memorybank_service.memory.keeping import Draft
from memorybank_service.store import NO_USER

MOST_FOUND, MOST_ON_PAGE, LAST_PAGE = 1000, 1000, 1_000_000
EVERY_ONE = "*"
"""In filters, of whichever entity."""
_UNHEARD = frozenset({"system", "developer"})


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _moment(value: object) -> float:
    """Seconds since 1970, a time, or a day."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value <= LATEST:
            raise ValueError("must be seconds since 1970, or a time such as 2027-01-15T08:00:00Z")
        return float(value)
    return parse_day_or_time(value)


EntityId = Annotated[Name, BeforeValidator(_as_text)]
Moment = Annotated[
    float,
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": LATEST},
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]
        }
    ),
]
ExpirationDate = Annotated[
    float,
    BeforeValidator(last_moment),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-01-31"]}),
]
"""In seconds since 1970 once it is read."""
Filters = Annotated[dict[str, Any], Field(examples=[{"AND": [{"user_id": "ada"}, {"run_id": "*"}]}])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class AddBody(_Body):
    messages: str | Message | list[Message]
    user_id: EntityId | None = None
    agent_id: EntityId | None = None
    app_id: EntityId | None = None
    run_id: EntityId | None = None
    filters: dict[str, EntityId | None] | None = Field(
        None, description="The entities, where they are not given beside."
    )
    metadata: PlainMetadata | None = None
    infer: bool = Field(True, description="Also draw facts from the messages, where a language model is configured.")
    immutable: bool = False
    timestamp: Moment | None = Field(None, description="When it was said: seconds since 1970, or RFC 3339.")
    expiration_date: ExpirationDate | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> "AddBody":
        for name, value in (self.filters or {}).items():
            if name not in ENTITIES:
                raise ValueError(f"filters of an addition take {', '.join(ENTITIES)}, not {name[:40]!r}")
            if value is not None and getattr(self, name) not in (None, value):
                raise ValueError(f"{name} is given twice, and not the same")
        for name, value in self.entities.items():
            if value == EVERY_ONE:
                raise ValueError(f"{name} of `{EVERY_ONE}` stands for every one there is, and cannot have memories")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> "AddBody":
        if len(self.turns) > MOST_MESSAGES:
            raise ValueError(f"messages must be at most {MOST_MESSAGES}")
        return self

    @property
    def turns(self) -> list[Message]:
        if isinstance(self.messages, str):
            return [Message.model_validate({"role": "user", "content": self.messages})]
        return self.messages if isinstance(self.messages, list) else [self.messages]

    @property
    def entities(self) -> dict[str, str]:
        given = {name: getattr(self, name) or (self.filters or {}).get(name) for name in ENTITIES}
        return {name: value for name, value in given.items() if value is not None}

    def drafts(self) -> list[Draft]:
        whose = self.entities
        apart: dict[str, object] = {APP_ID: whose[APP_ID]} if APP_ID in whose else {}
        if self.immutable:
            apart[IMMUTABLE] = True
        return [
            Draft(
                content=said,
                user_id=whose.get("user_id", NO_USER),
                agent_id=whose.get("agent_id"),
                run_id=whose.get("run_id"),
                speaker=message.name or message.role,
                metadata={**(self.metadata or {}), **apart},
                created_at=message.created_at or self.timestamp,
                expires_at=self.expiration_date,
                infer=self.infer,
            )
            for message in self.turns
            if message.role not in _UNHEARD and (said := message.said)
        ]


class _Reading(_Body):
    filters: Filters | None = None
    user_id: EntityId | None = None
    agent_id: EntityId | None = None
    app_id: EntityId | None = None
    run_id: EntityId | None = None
    metadata: dict[str, Any] | None = Field(None, description="What the metadata must equal.")
    categories: list[str] | None = Field(None, max_length=64)
    fields: list[str] | None = Field(None, max_length=64, description="Only these of each memory.")
    show_expired: bool = False
    latest_only: bool = False

    def conditions(self) -> list[object]:
        """All of which must hold."""
        given: list[object] = [self.filters]
        given += [{name: value} for name in ENTITIES if (value := getattr(self, name)) is not None]
        if self.metadata:
            given.append({"metadata": self.metadata})
        if self.categories:
            given.append({"categories": {"in": self.categories}})
        return given


class SearchBody(_Reading):
    query: Text
    top_k: int = Field(10, ge=1, le=MOST_FOUND)
    limit: int | None = Field(None, ge=1, le=MOST_FOUND, description="An older name of `top_k`.")
    threshold: float | None = Field(None, ge=0, le=1, description="The least similarity.")
    reference_date: Moment | None = Field(None, description="From when the dates in the query count; now, if left out.")


class ListBody(_Reading):
    keywords: str | None = Field(None, max_length=2048, description="A part of the memory's text, in whatever case.")
    start_date: Any = Field(None, description="Said then or later.")
    end_date: Any = Field(None, description="Said then or before.")
    page: int | None = Field(None, ge=1, le=LAST_PAGE)
    page_size: int | None = Field(None, ge=1, le=MOST_ON_PAGE)

    def conditions(self) -> list[object]:
        given = super().conditions()
        if self.keywords:
            given.append({"keywords": {"icontains": self.keywords}})
        for operator, day in (("gte", self.start_date), ("lte", self.end_date)):
            if day is not None:
                given.append({"created_at": {operator: day}})
        return given
