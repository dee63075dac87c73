"""Language models. A provider is anything that keeps to `LanguageModel`; the errors are in `llm.errors`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
Schema = Mapping[str, Any]
"""A JSON schema in the part of it that every provider takes: all properties required, none additional."""


@dataclass(frozen=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True)
class Completion:
    text: str
    model: str
    """As `provider/model`, the one that was asked."""
    prompt_tokens: int
    completion_tokens: int

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Chunk:
    text: str
    completion: Completion | None = None
    """With the last chunk alone: the whole of what was said, and what it cost."""


class LanguageModel(Protocol):
    @property
    def name(self) -> str:
        """As `provider/model`."""
        ...

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        json_schema: Schema | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - kept on the other side of a pipe as well
    ) -> Completion:
        """Raises ProviderError. `timeout` is what the caller waits in all; the answer need not keep to the schema."""
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        timeout: float = 60.0,
    ) -> AsyncGenerator[Chunk, None]:
        """Piece by piece, at least one; raises ProviderError, also in the middle. Close it where it is left early."""
        ...
