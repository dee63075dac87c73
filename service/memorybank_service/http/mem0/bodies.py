"""What mem0's client sends. Options that mean nothing here are passed over, as its service does with unknown ones."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from memorybank_service.clock import LATEST
from memorybank_service.http.fields import LARGEST_CONTENT, MemoryId, Name, PlainMetadata, Text
from memorybank_service.http.mem0.filters import ENTITIES, last_moment
from memorybank_service.http.mem0.shape import APP_ID, IMMUTABLE
from memorybank_service.http.times import parse_day_or_time
from memorybank_service.http.v1.bodies import MOST_MESSAGES, Message
from memorybank_service.memory.keeping import Draft
from memorybank_service.store import NO_USER

MOST_IN_BATCH, MOST_FOUND, MOST_ON_PAGE, LAST_PAGE = 1000, 1000, 1000, 1_000_000
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
Moment = Annotated[Any, AfterValidator(_moment)]
ExpirationDate = Annotated[str, Field(examples=["2027-01-31"]), AfterValidator(last_moment)]
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
        return self

    @model_validator(mode="after")
    def _bounded(self) -> "AddBody":
        if len(self.turns) > MOST_MESSAGES:
            raise ValueError(f"messages must be at most {MOST_MESSAGES}")
        for place, message in enumerate(self.turns):
            if (size := len(message.said.encode())) > LARGEST_CONTENT:
                raise ValueError(f"messages.{place} must be at most {LARGEST_CONTENT} bytes in UTF-8, not {size}")
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
                expires_at=self.expiration_date,  # type: ignore[arg-type]  # seconds, once it is read
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


class UpdateBody(_Body):
    text: Text | None = None
    metadata: PlainMetadata | None = Field(None, description="Takes the place of all that was there.")
    timestamp: Moment | None = None
    expiration_date: ExpirationDate | None = Field(None, description="Null: never.")

    @model_validator(mode="after")
    def _something(self) -> "UpdateBody":
        changes = {
            name for name in self.model_fields_set if name == "expiration_date" or getattr(self, name) is not None
        }
        if not changes:
            raise ValueError("must change at least one of text, metadata, timestamp, expiration_date")
        return self

    def metadata_of(self, before: Mapping[str, object]) -> dict[str, object] | None:
        """What is a field of its own in mem0's shape stays."""
        if self.metadata is None:
            return None
        return {**self.metadata, **{name: before[name] for name in (APP_ID, IMMUTABLE) if name in before}}


class _BatchUpdate(UpdateBody):
    memory_id: MemoryId


class _BatchDelete(_Body):
    memory_id: MemoryId


class BatchUpdateBody(_Body):
    memories: list[_BatchUpdate] = Field(min_length=1, max_length=MOST_IN_BATCH)


class BatchDeleteBody(_Body):
    memories: list[_BatchDelete] = Field(min_length=1, max_length=MOST_IN_BATCH)
