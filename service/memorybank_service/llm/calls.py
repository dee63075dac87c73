"""What goes between the service and the process that asks providers. Plain values: either side may be restarted.

What was said and is said stands in no representation of them, because a log or a traceback may show that. A deadline is
a time of `time.monotonic()`, which all processes of a machine share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from memorybank_service.llm.endpoint import Endpoint

FailureKind = Literal[
    "unavailable",
    "timeout",
    "rate_limited",
    "key_rejected",
    "refused",
    "unknown_model",
    "bad_answer",
    "oversized",
    "cancelled",
]


@dataclass(frozen=True)
class ChatCall:
    endpoint: Endpoint
    messages: tuple[tuple[str, str], ...] = field(repr=False)
    """Role and words."""
    max_tokens: int
    temperature: float
    json_schema: Mapping[str, Any] | None
    deadline: float
    answer_bytes: int
    """A longer answer is cut off and refused."""


@dataclass(frozen=True)
class RelayCall:
    """A conversation in OpenAI's form, as it came."""

    endpoint: Endpoint
    body: str = field(repr=False)
    """JSON: `messages` and the parameters that are handed on."""
    deadline: float
    answer_bytes: int


@dataclass(frozen=True)
class EmbedCall:
    endpoint: Endpoint
    texts: tuple[str, ...] = field(repr=False)
    deadline: float
    answer_bytes: int


@dataclass(frozen=True)
class Failure:
    """Facts alone: no words of the provider's, which may quote the prompt or the key."""

    kind: FailureKind
    status: int | None = None
    code: str | None = None
    """The provider's own name for it, such as `context_length_exceeded`."""
    retry_after: float | None = None


@dataclass(frozen=True)
class Said:
    text: str = field(repr=False)
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True)
class Embedded:
    vectors: tuple[bytes, ...]
    """Each as doubles of this machine."""
    tokens: int | None
    seconds: float
    """From the question to the answer, on the side that asks."""


@dataclass(frozen=True)
class Pieces:
    """Of a stream, since it was last asked; `end` with the last ones."""

    texts: tuple[str, ...] = field(repr=False)
    end: Said | Failure | None
