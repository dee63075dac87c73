"""A language model in a test's hands: it says what the test lets it say, and keeps what it was asked."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence

from memorybank_service.llm import Chunk, Completion, Message, Schema
from memorybank_service.llm.errors import ProviderError

Answer = str | ProviderError | Callable[[Sequence[Message]], str]
TOKENS = 16
"""That each answer costs."""


def as_json(**value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


class ScriptedModel:
    name = "test/scripted"

    def __init__(self, *answers: Answer) -> None:
        """One a call; the last of them to every further one."""
        self._answers = deque(answers)
        self.asked: list[Sequence[Message]] = []
        self.schemas: list[Schema | None] = []

    @property
    def prompts(self) -> list[str]:
        return ["\n".join(message.content for message in messages) for messages in self.asked]

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        json_schema: Schema | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's name
    ) -> Completion:
        self.asked.append(messages)
        self.schemas.append(json_schema)
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ProviderError):
            raise answer
        text = answer if isinstance(answer, str) else answer(messages)
        return Completion(text, self.name, TOKENS - 5, 5)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's name
    ) -> AsyncGenerator[Chunk, None]:
        completion = await self.complete(messages)
        yield Chunk(completion.text)
        yield Chunk("", completion)


class GatedModel(ScriptedModel):
    """It tells when it is asked, and answers once the gate is open."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(*answers)
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        json_schema: Schema | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's name
    ) -> Completion:
        self.reached.set()
        await self.open.wait()
        return await super().complete(messages, json_schema=json_schema)
