"""A conversation in OpenAI's own form, handed on to the language model as it is, and its answer as it comes.

`LanguageModel` knows words alone. Whoever speaks OpenAI's API through us also sends tools, pictures and formats of
answers, and wants back what the provider says of them: that goes through here, within the same bounds and budget.
"""

import json
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from memorybank_service.llm.budget import TokenBudget
from memorybank_service.llm.calls import Failure, Pieces, RelayCall, Said
from memorybank_service.llm.endpoint import Endpoint
from memorybank_service.llm.errors import BadAnswerError, ProviderTimeoutError
from memorybank_service.llm.litellm_model import ANSWER_BYTES
from memorybank_service.llm.process import ProviderProcess, new_ticket
from memorybank_service.llm.sentences import error_of
from memorybank_service.llm.tokens import MESSAGE_TOKENS, estimate_tokens

Chunk = dict[str, Any]
"""An answer, or a piece of one, in OpenAI's form."""
PARAMETERS = frozenset(
    {
        "temperature", "top_p", "n", "stop", "seed", "max_tokens", "max_completion_tokens", "presence_penalty",
        "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls",
        "response_format", "reasoning_effort", "modalities", "verbosity",
    }
)  # fmt: skip
"""Of a request what is handed on; the rest would reach into litellm itself."""
_PICTURE = 1024
"""Tokens that a picture or a sound is about worth."""
_USUAL_ANSWER = 1024
"""Tokens that an answer may take where the request does not say."""


class Relay:
    def __init__(self, endpoint: Endpoint, process: ProviderProcess, budget: TokenBudget) -> None:
        self._endpoint, self._process, self._budget = endpoint, process, budget

    def named(self, model: str | None) -> "Relay":
        """The model of this name, where it says that it is one of our provider; else the configured one."""
        provider, _, name = (model or "").partition("/")
        if not name or provider not in (self._endpoint.provider, self._endpoint.prefix):
            return self
        return Relay(self._endpoint.with_model(name), self._process, self._budget)

    @property
    def name(self) -> str:
        """As `provider/model`."""
        return self._endpoint.name

    async def complete(self, request: Mapping[str, Any], seconds: float) -> Chunk:
        """`request`: `messages` and what else of `PARAMETERS` is wanted. Raises ProviderError."""
        call = self._call(request, seconds)
        ticket = new_ticket()
        with self._budget.reserve(_may_need(request)):
            try:
                answer: Said | Failure = await self._process.ask(
                    "relay", ticket, call, deadline=call.deadline, ticket=ticket
                )
                said = self._said(answer)
            except (ProviderTimeoutError, BadAnswerError):
                self._budget.count(_prompt(request))  # it was read, if to no avail
                raise
            self._budget.count(_cost(request, said, said.text))
        return _object(said.text)

    async def stream(self, request: Mapping[str, Any], seconds: float) -> AsyncGenerator[Chunk, None]:
        """Chunk by chunk; raises ProviderError, also in the middle. Close it where it is left early."""
        call = self._call(request, seconds)
        ticket, ended, words = new_ticket(), False, ""
        cost: int | None = None
        with self._budget.reserve(_may_need(request)):
            try:
                await self._process.ask("open_stream", ticket, call, deadline=call.deadline)
                while not ended:
                    pieces: Pieces = await self._process.ask("next_pieces", ticket, deadline=call.deadline)
                    ended = pieces.end is not None
                    for text in pieces.texts:
                        chunk = _object(text)
                        words += _words(chunk)
                        yield chunk
                    if pieces.end is not None:
                        said = self._said(pieces.end)
                        cost = _cost(request, said, said.text)
            finally:
                if not ended:
                    self._process.cancel(ticket)
                if cost is None and words:  # broken off in the middle; what was said is billed
                    cost = _prompt(request) + estimate_tokens(words)
                self._budget.count(cost or 0)

    def _call(self, request: Mapping[str, Any], seconds: float) -> RelayCall:
        handed_on = {name: value for name, value in request.items() if name in PARAMETERS and value is not None}
        return RelayCall(
            endpoint=self._endpoint,
            body=json.dumps({**handed_on, "messages": request["messages"]}),
            deadline=time.monotonic() + seconds,
            answer_bytes=ANSWER_BYTES,
        )

    def _said(self, answer: Said | Failure) -> Said:
        """Raises ProviderError."""
        if isinstance(answer, Failure):
            raise error_of(answer, self.name)
        return answer


def _prompt(request: Mapping[str, Any]) -> int:
    pictures, words = 0, [json.dumps(request.get("tools") or "", ensure_ascii=False)]
    for message in request["messages"]:
        content = message.get("content")
        for part in content if isinstance(content, list) else [{"text": content}]:
            words.append(part["text"] if isinstance(part.get("text"), str) else "")
            pictures += "text" not in part
        words.append(json.dumps(message.get("tool_calls") or "", ensure_ascii=False))
    return estimate_tokens("".join(words)) + MESSAGE_TOKENS * len(request["messages"]) + _PICTURE * pictures


def _may_need(request: Mapping[str, Any]) -> int:
    answer = request.get("max_completion_tokens") or request.get("max_tokens") or _USUAL_ANSWER
    return _prompt(request) + int(answer) * int(request.get("n") or 1)


def _cost(request: Mapping[str, Any], said: Said, text: str) -> int:
    prompt = _prompt(request) if said.prompt_tokens is None else said.prompt_tokens
    return prompt + (said.completion_tokens or estimate_tokens(text))


def _words(chunk: Mapping[str, Any]) -> str:
    deltas = [choice.get("delta") or {} for choice in chunk.get("choices", [])]
    return "".join(delta.get("content") or "" for delta in deltas)


def _object(text: str) -> Chunk:
    value: Chunk = json.loads(text)
    return value
