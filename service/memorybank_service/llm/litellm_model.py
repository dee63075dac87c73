"""The language model of the settings, asked through litellm in a process of its own."""

import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from memorybank_service.llm import Chunk, Completion, Message, Schema
from memorybank_service.llm.calls import ChatCall, Failure, Pieces, Said
from memorybank_service.llm.endpoint import Endpoint
from memorybank_service.llm.errors import BadAnswerError, RequestRefusedError, UnknownModelError
from memorybank_service.llm.process import ProviderProcess, new_ticket
from memorybank_service.llm.sentences import error_of
from memorybank_service.llm.tokens import MESSAGE_TOKENS, estimate_tokens

ANSWER_BYTES = 2 << 20
"""As JSON; the longest answer that today's models give is some 500 KB."""


class LitellmModel:
    def __init__(self, endpoint: Endpoint, process: ProviderProcess) -> None:
        self.endpoint = endpoint
        self._process = process
        self._takes_schemas = True

    @property
    def name(self) -> str:
        return self.endpoint.name

    def with_model(self, model: str) -> "LitellmModel":
        """Another model of the same provider."""
        return LitellmModel(self.endpoint.with_model(model), self._process)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        json_schema: Schema | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - the other process keeps it too
    ) -> Completion:
        call = self._call(messages, max_tokens, temperature, timeout)
        if json_schema is None or not self._takes_schemas:
            return await self._complete(call, None)
        try:
            return await self._complete(call, json_schema)
        except UnknownModelError:
            raise
        except RequestRefusedError:
            # Many endpoints that speak OpenAI's API do not know schemas; the prompt says it in words as well.
            completion = await self._complete(call, None)
            self._takes_schemas = False
            return completion

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        timeout: float = 60.0,  # noqa: ASYNC109 - the other process keeps it too
    ) -> AsyncGenerator[Chunk, None]:
        call = self._call(messages, max_tokens, temperature, timeout)
        ticket, ended = new_ticket(), False
        try:
            await self._process.ask("open_stream", ticket, call, deadline=call.deadline)
            while not ended:
                pieces: Pieces = await self._process.ask("next_pieces", ticket, deadline=call.deadline)
                ended = pieces.end is not None
                for text in pieces.texts:
                    yield Chunk(text)
                if pieces.end is not None:
                    yield Chunk("", self._completion(call, pieces.end))
        finally:
            if not ended:
                self._process.cancel(ticket)

    def _call(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        timeout: float,
    ) -> ChatCall:
        return ChatCall(
            endpoint=self.endpoint,
            messages=tuple((m.role, m.content.encode("utf-8", "replace").decode()) for m in messages),
            max_tokens=max_tokens,
            temperature=temperature,
            json_schema=None,
            deadline=time.monotonic() + timeout,
            answer_bytes=ANSWER_BYTES,
        )

    async def _complete(self, call: ChatCall, schema: Schema | None) -> Completion:
        ticket = new_ticket()
        call = replace(call, json_schema=schema)
        answer: Said | Failure = await self._process.ask(
            "complete", ticket, call, deadline=call.deadline, ticket=ticket
        )
        return self._completion(call, answer)

    def _completion(self, call: ChatCall, answer: Said | Failure) -> Completion:
        """Raises ProviderError."""
        if isinstance(answer, Failure):
            raise error_of(answer, self.name)
        if not answer.text.strip():
            raise BadAnswerError(f"{self.name} gave an answer without words")
        prompt_tokens = answer.prompt_tokens
        if prompt_tokens is None:  # a provider that does not count
            prompt_tokens = sum(estimate_tokens(words) + MESSAGE_TOKENS for _, words in call.messages)
        completion_tokens = answer.completion_tokens or estimate_tokens(answer.text)
        return Completion(answer.text, self.name, prompt_tokens, completion_tokens)
