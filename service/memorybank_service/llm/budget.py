"""Tokens a day: no call begins that the day's budget does not cover, and every call is counted after it.

Each call reserves what it may need until it is counted, so that calls side by side keep to the budget together. The
numbers are told to whoever keeps them (the store, per UTC day), so that this knows nothing of disks.
"""

import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta

from memorybank_service.clock import Clock
from memorybank_service.llm import Chunk, Completion, LanguageModel, Message, Schema
from memorybank_service.llm.errors import BadAnswerError, BudgetSpentError, ProviderError, ProviderTimeoutError
from memorybank_service.llm.tokens import MESSAGE_TOKENS, estimate_tokens


def _nobody(told: object) -> None:
    del told


class TokenBudget:
    """May be used from any thread."""

    def __init__(
        self,
        limit: int,
        clock: Clock,
        *,
        used: int = 0,
        persist: Callable[[int], None] = _nobody,
        ended: Callable[[str], None] = _nobody,
    ) -> None:
        """`limit` tokens a UTC day, 0: no limit. `used`: of today's, so far; `persist` hears of each that are added.

        `ended` hears how each call ended: `answered`, `broken_off`, or the `ProviderError.result` that it had.
        """
        self.limit = limit
        self._clock, self._persist, self._ended = clock, persist, ended
        self._lock = threading.Lock()
        self._day, self._used_on_day, self._reserved = _day(clock()), used, 0

    @property
    def used(self) -> int:
        """Today, so far."""
        with self._lock:
            return self._today()

    @property
    def left(self) -> int | None:
        """For a call that begins now; None: any number."""
        with self._lock:
            return max(0, self.limit - self._today() - self._reserved) if self.limit else None

    @contextmanager
    def reserve(self, tokens: int) -> Iterator[None]:
        """For a call that may need so many, which is what is done within. Raises BudgetSpentError before it."""
        result = "broken_off"
        try:
            self._take(tokens)
            try:
                yield
                result = "answered"
            finally:
                with self._lock:
                    self._reserved -= tokens
        except ProviderError as error:
            result = error.result
            raise
        finally:
            self._ended(result)

    def count(self, tokens: int) -> None:
        """After a call: what it did need."""
        with self._lock:
            self._used_on_day = self._today() + tokens
        self._persist(tokens)

    def _take(self, tokens: int) -> None:
        with self._lock:
            left = self.limit - self._today() - self._reserved
            if self.limit and left < tokens:
                raise BudgetSpentError(
                    f"the budget of {self.limit} tokens a day (LLM_DAILY_TOKENS) leaves {max(0, left)}, and this call "
                    f"may need {tokens}; it begins anew at midnight UTC",
                    retry_after=_until_midnight(self._clock()),
                )
            self._reserved += tokens

    def _today(self) -> int:
        if self._day != (day := _day(self._clock())):
            self._day, self._used_on_day = day, 0
        return self._used_on_day


class BudgetedModel:
    """A language model that keeps to a budget."""

    def __init__(self, model: LanguageModel, budget: TokenBudget) -> None:
        self.name = model.name
        self._model, self._budget = model, budget

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        json_schema: Schema | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - the model keeps it
    ) -> Completion:
        prompt = estimate_prompt(messages)
        with self._budget.reserve(prompt + max_tokens):
            try:
                completion = await self._model.complete(
                    messages, max_tokens=max_tokens, temperature=temperature, json_schema=json_schema, timeout=timeout
                )
            except (ProviderTimeoutError, BadAnswerError):
                self._budget.count(prompt)  # it was read, if to no avail
                raise
            self._budget.count(completion.tokens)
            return completion

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        timeout: float = 60.0,  # noqa: ASYNC109 - the model keeps it
    ) -> AsyncGenerator[Chunk, None]:
        prompt = estimate_prompt(messages)
        pieces = self._model.stream(messages, max_tokens=max_tokens, temperature=temperature, timeout=timeout)
        with self._budget.reserve(prompt + max_tokens):
            said = ""
            used: int | None = None
            try:
                async with aclosing(pieces):
                    async for chunk in pieces:
                        said += chunk.text
                        if chunk.completion is not None:
                            used = chunk.completion.tokens
                        yield chunk
            finally:
                if used is None and said:  # broken off in the middle; what was said is billed
                    used = prompt + estimate_tokens(said)
                self._budget.count(used or 0)


def estimate_prompt(messages: Sequence[Message]) -> int:
    return sum(estimate_tokens(message.content) + MESSAGE_TOKENS for message in messages)


def _day(now: float) -> int:
    return int(now // 86_400)


def _until_midnight(now: float) -> float:
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=1)).timestamp() - now
