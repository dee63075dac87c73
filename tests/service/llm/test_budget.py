from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from memorybank_service.llm import Chunk, Completion, Message, Schema
from memorybank_service.llm.budget import BudgetedModel, TokenBudget, estimate_prompt
from memorybank_service.llm.errors import BudgetSpentError, ProviderError, ProviderTimeoutError, RateLimitedError
from tests.service.manual_clock import ManualClock

QUESTION = [Message("user", "Where does Ada live?")]
PROMPT = estimate_prompt(QUESTION)


class Talker:
    """Says the same always, or fails."""

    name = "test/talker"

    def __init__(self, cost: int = 100, error: ProviderError | None = None) -> None:
        self.completion = Completion("in Vienna now", self.name, cost - 10, 10)
        self.error = error
        self.asked = 0

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        json_schema: Schema | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's name
    ) -> Completion:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.completion

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        timeout: float = 60.0,  # noqa: ASYNC109 - the protocol's name
    ) -> AsyncGenerator[Chunk, None]:
        self.asked += 1
        for word in ("in", " Vienna", " now"):
            yield Chunk(word)
        yield Chunk("", self.completion)


async def test_every_call_is_counted_and_the_count_is_handed_on(clock: ManualClock) -> None:
    kept: list[int] = []
    budget = TokenBudget(10_000, clock, persist=kept.append)
    model = BudgetedModel(Talker(100), budget)
    await model.complete(QUESTION)
    async with aclosing(model.stream(QUESTION)) as stream:
        assert [chunk.text async for chunk in stream] == ["in", " Vienna", " now", ""]
    assert (budget.used, budget.left, kept) == (200, 9_800, [100, 100])


async def test_a_call_that_may_cost_more_than_is_left_is_refused_before_it_begins(clock: ManualClock) -> None:
    talker = Talker()
    model = BudgetedModel(talker, TokenBudget(1000, clock, used=950))
    with pytest.raises(BudgetSpentError, match=r"LLM_DAILY_TOKENS.*leaves 50") as caught:
        await model.complete(QUESTION, max_tokens=100)
    with pytest.raises(BudgetSpentError):
        await anext(model.stream(QUESTION, max_tokens=100))
    assert talker.asked == 0
    assert caught.value.retryable
    assert caught.value.retry_after == 86_400 - clock.now % 86_400
    assert (await model.complete(QUESTION, max_tokens=50 - PROMPT)).text


async def test_the_next_utc_day_has_a_budget_of_its_own(clock: ManualClock) -> None:
    budget = TokenBudget(1000, clock, used=1000)
    assert budget.left == 0
    clock.advance(hours=24)
    assert (budget.left, budget.used) == (1000, 0)


def test_calls_side_by_side_keep_to_the_budget_together(clock: ManualClock) -> None:
    budget = TokenBudget(1000, clock)
    with budget.reserve(600):
        with pytest.raises(BudgetSpentError, match="leaves 400"), budget.reserve(600):
            pytest.fail("two calls were let in that together are over the budget")
        budget.count(100)
    assert budget.left == 900


async def test_without_a_limit_all_is_counted_and_nothing_refused(clock: ManualClock) -> None:
    budget = TokenBudget(0, clock, used=10**12)
    await BudgetedModel(Talker(100), budget).complete(QUESTION, max_tokens=10**9)
    assert (budget.left, budget.used) == (None, 10**12 + 100)


@pytest.mark.parametrize(
    ("error", "counted"), [(ProviderTimeoutError("no answer"), PROMPT), (RateLimitedError("slow down"), 0)]
)
async def test_of_a_call_that_failed_the_prompt_counts_if_it_was_read(
    clock: ManualClock, error: ProviderError, counted: int
) -> None:
    budget = TokenBudget(10_000, clock)
    with pytest.raises(type(error)):
        await BudgetedModel(Talker(error=error), budget).complete(QUESTION)
    assert (budget.used, budget.left) == (counted, 10_000 - counted)


async def test_of_a_stream_that_is_left_early_what_was_said_counts(clock: ManualClock) -> None:
    budget = TokenBudget(10_000, clock)
    async with aclosing(BudgetedModel(Talker(), budget).stream(QUESTION)) as stream:
        await anext(stream)
    assert budget.used == PROMPT + 1
    assert budget.left == 10_000 - budget.used
