"""What it takes to add memories: one, a conversation, or a batch."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from memorybank_service.http.fields import (
    LARGEST_CONTENT,
    Importance,
    Name,
    PlainMetadata,
    Somebody,
    Strict,
    Text,
)
from memorybank_service.http.problems import alternative
from memorybank_service.http.times import Time
from memorybank_service.memory.context import strip_recalled
from memorybank_service.memory.keeping import Draft
from memorybank_service.store import NO_USER

MOST_MESSAGES = 256
MOST_IN_BATCH = 1000
_UNHEARD = frozenset({"system", "developer"})
"""Roles that instruct a model and say nothing worth remembering."""


def one_run(run_id: str | None, session_id: str | None) -> str | None:
    """`session_id` is another name of `run_id`. Raises ValueError where both are given."""
    if run_id is not None and session_id is not None:
        raise ValueError("run_id and session_id are the same thing; give one of them")
    return run_id if session_id is None else session_id


ONE_RUN: dict[str, Any] = {"not": {"required": ["run_id", "session_id"]}}


class Whose(Strict):
    """Whose memory it is. `session_id` is another name of `run_id`."""

    model_config = ConfigDict(json_schema_extra=ONE_RUN)

    user_id: Name | None = None
    agent_id: Name | None = None
    run_id: Name | None = Field(None, description="The conversation it belongs to.")
    session_id: Name | None = Field(None, description="Another name of `run_id`.")

    @model_validator(mode="after")
    def _one_run(self) -> "Whose":
        one_run(self.run_id, self.session_id)
        return self

    @property
    def run(self) -> str | None:
        return one_run(self.run_id, self.session_id)


class _New(Whose):
    user_id: Somebody | None = Field(None, description="Left out: nobody's.")
    created_at: Time | None = Field(None, description="When it was said; now, if left out.")
    metadata: PlainMetadata | None = None
    importance: Importance = 0.5
    pinned: bool = Field(False, description="A pinned memory never fades.")
    expires_at: Time | None = Field(None, description="From when it is not found any more.")
    infer: bool = Field(False, description="Also draw facts from it with the language model, in the background.")

    def draft(self, content: str, speaker: str | None, created_at: float | None, memory_id: str | None = None) -> Draft:
        return Draft(
            content=content,
            user_id=self.user_id or NO_USER,
            agent_id=self.agent_id,
            run_id=self.run,
            speaker=speaker,
            metadata=self.metadata or {},
            id=memory_id,
            created_at=created_at,
            importance=self.importance,
            pinned=self.pinned,
            expires_at=self.expires_at,
            infer=self.infer,
        )


class NewMemoryRequest(_New):
    """One memory, kept to the letter."""

    model_config = ConfigDict(
        json_schema_extra={
            **ONE_RUN,
            "examples": [
                {
                    "content": "I take the night train to Vienna on Friday.",
                    "user_id": "ada",
                    "run_id": "s1",
                    "speaker": "Ada",
                    "created_at": "2027-01-15T08:00:00Z",
                    "metadata": {"topic": "travel"},
                }
            ],
        }
    )

    content: Text
    id: Name | None = Field(
        None, description="Of your choice; adding it again with the same content changes nothing. Left out: made here."
    )
    speaker: Name | None = None

    def drafts(self) -> list[Draft]:
        return [self.draft(self.content, self.speaker, self.created_at, self.id)]


class Part(BaseModel):
    """A part of a message, as OpenAI's API has it; those of type `text` are kept."""

    model_config = ConfigDict(strict=True)

    type: str = "text"
    text: str | None = None


class Message(BaseModel):
    """As OpenAI's API has it; what is not named here is passed over."""

    model_config = ConfigDict(strict=True)

    role: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
    content: str | list[Part] | None = None
    name: Name | None = Field(None, description="Who speaks; the role, if left out.")
    created_at: Time | None = Field(None, description="When it was said; as the request says, if left out.")

    @model_validator(mode="after")
    def _bounded(self) -> "Message":
        if (size := len(self.said.encode())) > LARGEST_CONTENT:
            raise ValueError(f"must say at most {LARGEST_CONTENT} bytes in UTF-8, not {size}")
        return self

    @property
    def said(self) -> str:
        """Without what was recalled into it."""
        parts = self.content if isinstance(self.content, list) else [Part(text=self.content)]
        texts = [part.text for part in parts if part.type == "text" and part.text]
        return strip_recalled("\n".join(texts)).strip()


class ConversationRequest(_New):
    """Turns of a conversation, one memory each; those of `system` and `developer` are passed over."""

    model_config = ConfigDict(
        json_schema_extra={
            **ONE_RUN,
            "examples": [
                {
                    "messages": [
                        {"role": "user", "name": "Ada", "content": "Which train goes to Vienna at night?"},
                        {"role": "assistant", "content": "The NJ 295, at 22:05."},
                    ],
                    "user_id": "ada",
                    "run_id": "s1",
                }
            ],
        }
    )

    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)

    @model_validator(mode="before")
    @classmethod
    def _one_of_them(cls, given: Any) -> Any:
        if isinstance(given, dict) and "content" in given:
            wrong = PydanticCustomError("excluded", "excludes `messages`; give one of them")
            raise ValidationError.from_exception_data(
                cls.__name__, [{"type": wrong, "loc": ("content",), "input": None}]
            )
        return given

    def drafts(self) -> list[Draft]:
        return [
            self.draft(said, message.name or message.role, message.created_at or self.created_at)
            for message in self.messages
            if message.role not in _UNHEARD and (said := message.said)
        ]


def _form(body: Any) -> str:
    return alternative("messages" if isinstance(body, dict) and "messages" in body else "content")


AddRequest = Annotated[
    Annotated[NewMemoryRequest, Tag(alternative("content"))]
    | Annotated[ConversationRequest, Tag(alternative("messages"))],
    Discriminator(_form),
]


class BatchRequest(Strict):
    """For the description of the API: the body is read memory by memory, see `batch`."""

    model_config = ConfigDict(title="Batch")

    memories: list[NewMemoryRequest] = Field(min_length=1, max_length=MOST_IN_BATCH)
