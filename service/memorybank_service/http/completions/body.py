"""A request for a completion: what of it is ours to read, and the rest as it is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from memorybank_service.http.fields import LARGEST_CONTENT, LONGEST_ID, Name, Somebody
from memorybank_service.memory.context import strip_recalled

MOST_MESSAGES = 1024
MOST_ANSWER_TOKENS = 1_000_000
MOST_CHOICES = 16
_INSTRUCTING = frozenset({"system", "developer"})
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


def as_memory(text: str) -> str:
    """As much of it as a memory holds, in valid Unicode."""
    return text.encode(errors="replace").strip()[:LARGEST_CONTENT].decode(errors="ignore")


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Role
    content: str | list[dict[str, Any]] | None = None
    name: Name | None = None

    @property
    def words(self) -> str:
        """Its text, without what was recalled into it, and only as much of it as a memory holds."""
        if isinstance(self.content, list):
            parts = [part.get("text") for part in self.content if part.get("type") == "text"]
            text = "\n".join(part for part in parts if isinstance(part, str))
        else:
            text = self.content or ""
        return as_memory(strip_recalled(text))


class Whose(BaseModel):
    """What of the metadata is ours to read."""

    model_config = ConfigDict(extra="allow")

    user_id: Somebody | None = None
    agent_id: Name | None = None
    run_id: Name | None = None


class CompletionRequest(BaseModel):
    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "memorybank",
                    "user": "ada",
                    "messages": [{"role": "user", "content": "What should I pack for Friday?"}],
                }
            ]
        },
    )

    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    model: str | None = Field(
        None,
        max_length=LONGEST_ID,
        description="The configured model answers, whatever stands here, unless it names another one of the same "
        "provider as `provider/model`.",
    )
    user: Somebody | None = Field(None, description="Whose memories are recalled and added to.")
    metadata: Whose | None = Field(None, description="`user_id`, `agent_id` and `run_id` may stand here too.")
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    n: int | None = Field(None, ge=1, le=MOST_CHOICES)
    max_tokens: int | None = Field(None, ge=1, le=MOST_ANSWER_TOKENS)
    max_completion_tokens: int | None = Field(None, ge=1, le=MOST_ANSWER_TOKENS)

    @property
    def handed_on(self) -> dict[str, Any]:
        """The conversation and its parameters, as they came."""
        return self.model_dump(exclude_unset=True)

    @property
    def wants_usage(self) -> bool:
        return bool((self.stream_options or {}).get("include_usage"))

    def ids(self) -> dict[str, str]:
        """Of whom the body says that it is. Raises ValueError."""
        whose = self.metadata or Whose()
        if self.user is not None and whose.user_id not in (None, self.user):
            raise ValueError("user and metadata.user_id are given, and not the same")
        given = {"user_id": self.user or whose.user_id, "agent_id": whose.agent_id, "run_id": whose.run_id}
        return {name: value for name, value in given.items() if value is not None}

    def asked(self) -> str | None:
        """The last words of the user: what memories are looked for by."""
        return next((message.words for message in reversed(self.messages) if _is_said(message)), None)

    def new_words(self) -> Iterator[tuple[int, ChatMessage]]:
        """What the user has said since the last answer, with its place; the rest was stored when it was new."""
        answers = [place for place, message in enumerate(self.messages) if message.role == "assistant"]
        start = answers[-1] + 1 if answers else 0
        for place, message in enumerate(self.messages[start:], start):
            if _is_said(message):
                yield place, message


def with_context(messages: Sequence[Mapping[str, Any]], context: str) -> list[Mapping[str, Any]]:
    """As a system message of its own, behind those that the client began with."""
    if not context:
        return list(messages)
    others = (place for place, message in enumerate(messages) if message["role"] not in _INSTRUCTING)
    start = next(others, len(messages))
    recalled = {"role": "system", "content": context}
    return [*messages[:start], recalled, *messages[start:]]


def _is_said(message: ChatMessage) -> bool:
    return message.role == "user" and bool(message.words)
