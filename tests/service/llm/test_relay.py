"""Conversations in OpenAI's form: the whole way to a provider on loopback and back."""

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from memorybank_service.llm.budget import TokenBudget
from memorybank_service.llm.errors import BudgetSpentError, ProviderError, RateLimitedError
from memorybank_service.llm.litellm_model import LitellmModel
from memorybank_service.llm.process import ProviderProcess
from memorybank_service.llm.relay import Relay
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, ProviderRequest, Reply, drops, limits_rate, says
from tests.service.waiting import until

SECONDS = 60.0  # the first call starts the process
WORDS: dict[str, Any] = {"messages": [{"role": "user", "content": "Where does Ada live?"}]}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
AskModel = Callable[..., LitellmModel]


@pytest.fixture
def budget() -> TokenBudget:
    return TokenBudget(0, ManualClock())


@pytest.fixture
def relay(ask_model: AskModel, provider_process: ProviderProcess, budget: TokenBudget) -> Relay:
    return Relay(ask_model().endpoint, provider_process, budget)


def calls_the_tool(request: ProviderRequest) -> Reply:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Vienna"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }
    return Reply(body=json.dumps(answer).encode())


async def test_an_answer_comes_in_openai_s_form_and_is_counted(
    relay: Relay, provider: Provider, budget: TokenBudget
) -> None:
    provider.answer(says("In Vienna."))
    answer = await relay.complete({**WORDS, "temperature": 0.3, "max_tokens": 50}, SECONDS)
    assert answer["object"] == "chat.completion"
    [choice] = answer["choices"]
    assert choice["message"]["content"] == "In Vienna."
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == 16
    assert budget.used == 16
    [asked] = provider.chats
    assert (asked.body["temperature"], asked.body["max_completion_tokens"]) == (0.3, 50)  # as this model has it
    assert asked.messages == WORDS["messages"]


async def test_tools_go_there_and_calls_of_them_come_back(relay: Relay, provider: Provider) -> None:
    provider.answer(calls_the_tool)
    history = [
        *WORDS["messages"],
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c0", "type": "function", "function": {
            "name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c0", "content": "sunny"},
    ]  # fmt: skip
    answer = await relay.complete({"messages": history, "tools": [TOOL], "tool_choice": "auto"}, SECONDS)
    [call] = answer["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Vienna"}
    [asked] = provider.chats
    assert asked.body["tools"] == [TOOL]
    assert [message["role"] for message in asked.messages] == ["user", "assistant", "tool"]


async def test_a_stream_comes_chunk_by_chunk_with_its_usage(
    relay: Relay, provider: Provider, budget: TokenBudget
) -> None:
    provider.answer(says("In Vienna, since May."))
    async with aclosing(relay.stream(WORDS, SECONDS)) as stream:
        chunks = [chunk async for chunk in stream]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    words = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(words) == "In Vienna, since May."
    assert len([word for word in words if word]) == 4
    assert chunks[-1]["usage"]["total_tokens"] == 16
    assert budget.used == 16


async def test_what_would_reach_into_litellm_is_not_handed_on(relay: Relay, provider: Provider) -> None:
    provider.answer(says("ok"))
    reaching = {
        "api_base": "http://192.0.2.1",
        "api_key": "other",
        "model": "x/y",
        "mock_response": "no",
        "user": "ada",
    }
    answer = await relay.complete({**WORDS, **reaching}, SECONDS)
    assert answer["choices"][0]["message"]["content"] == "ok"
    assert "user" not in provider.chats[0].body


async def test_another_model_is_asked_only_where_it_is_said_to_be_our_provider_s(relay: Relay) -> None:
    assert relay.named("openai/other").name == "openai/other"
    for name in (None, "", "gpt-4o", "claude/other", "memorybank"):
        assert relay.named(name).name == relay.name


async def test_a_refusal_is_a_sentence_without_what_was_said(
    relay: Relay, provider: Provider, budget: TokenBudget
) -> None:
    provider.answer(limits_rate(7))
    with pytest.raises(RateLimitedError) as refused:
        await relay.complete(WORDS, SECONDS)
    assert refused.value.retry_after == 7
    assert "Ada" not in str(refused.value)
    assert budget.used == 0


async def test_a_stream_that_breaks_off_says_so_and_is_counted(
    relay: Relay, provider: Provider, budget: TokenBudget
) -> None:
    provider.answer(drops())
    async with aclosing(relay.stream(WORDS, SECONDS)) as stream:
        await anext(stream)
        with pytest.raises(ProviderError):
            await anext(stream)
    assert budget.used > 0


async def test_a_stream_that_is_left_is_broken_off(relay: Relay, provider: Provider) -> None:
    provider.answer(Reply(text="one word after the other and so on", pause=0.05))
    async with aclosing(relay.stream(WORDS, SECONDS)) as stream:
        async for _ in stream:
            break
    until(lambda: provider.under_way == 0)


async def test_nothing_is_asked_beyond_the_budget(
    ask_model: AskModel, provider_process: ProviderProcess, provider: Provider
) -> None:
    relay = Relay(ask_model().endpoint, provider_process, TokenBudget(100, ManualClock()))
    with pytest.raises(BudgetSpentError):
        await relay.complete({**WORDS, "max_tokens": 100}, SECONDS)
    assert provider.requests == []
