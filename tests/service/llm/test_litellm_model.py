"""The whole way: the service, the process of litellm, a provider on loopback."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from memorybank_service.llm import Chunk, Message
from memorybank_service.llm.errors import (
    BadAnswerError,
    KeyRejectedError,
    OversizedAnswerError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    RateLimitedError,
    RequestRefusedError,
    UnknownModelError,
)
from memorybank_service.llm.litellm_model import LitellmModel
from tests.service.llm.conftest import KEY
from tests.service.provider import (
    Provider,
    Reply,
    drops,
    garbage,
    hangs,
    huge,
    limits_rate,
    refuses,
    says,
    says_json,
    trickles,
)
from tests.service.waiting import until


async def read(stream: AsyncGenerator[Chunk, None]) -> list[Chunk]:
    async with aclosing(stream):
        return [chunk async for chunk in stream]


AskModel = Callable[..., LitellmModel]
SECRET = "Ada's account number is 4711"
QUESTION = [Message("system", "Answer briefly."), Message("user", SECRET)]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ANSWERS_IN_TIME = 60.0  # the first call starts the process


@pytest.mark.parametrize(
    ("llm_provider", "path", "header", "value"),
    [
        ("claude", "/v1/messages", "x-api-key", KEY),
        ("openai", "/v1/chat/completions", "authorization", f"Bearer {KEY}"),
        ("google", "/models/gemini-3.1-flash-lite:generateContent", "x-goog-api-key", KEY),
        ("mistral", "/v1/chat/completions", "authorization", f"Bearer {KEY}"),
    ],
)
async def test_each_provider_is_asked_in_its_own_way(
    ask_model: AskModel, provider: Provider, llm_provider: str, path: str, header: str, value: str
) -> None:
    provider.answer(says("in Vienna"))
    variables = {"MISTRAL_API_KEY": KEY, "LLM_MODEL": "mistral-small-latest"} if llm_provider == "mistral" else {}
    model = ask_model(llm_provider, **variables)
    completion = await model.complete(QUESTION, timeout=ANSWERS_IN_TIME)
    assert (completion.text, completion.model) == ("in Vienna", model.name)
    assert (completion.prompt_tokens, completion.completion_tokens) == (11, 5)
    [request] = provider.requests
    assert (request.path, request.headers[header]) == (path, value)


async def test_an_endpoint_without_a_key_is_asked_without_one(ask_model: AskModel, provider: Provider) -> None:
    model = ask_model(OPENAI_API_KEY="", LLM_MODEL="llama")
    await model.complete(QUESTION, timeout=ANSWERS_IN_TIME)
    assert provider.requests[0].model == "llama"
    assert provider.requests[0].headers["authorization"] == "Bearer none"


async def test_the_schema_goes_along(ask_model: AskModel, provider: Provider) -> None:
    provider.answer(says_json({"city": "Vienna"}))
    completion = await ask_model().complete(QUESTION, json_schema=SCHEMA, timeout=ANSWERS_IN_TIME)
    assert completion.text == '{"city": "Vienna"}'
    assert provider.requests[0].body["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_an_endpoint_that_knows_no_schemas_is_asked_without_from_then_on(
    ask_model: AskModel, provider: Provider
) -> None:
    provider.answer(lambda request: refuses(400) if "response_format" in request.body else says("{}"))
    model = ask_model()
    for _ in range(2):
        assert (await model.complete(QUESTION, json_schema=SCHEMA, timeout=ANSWERS_IN_TIME)).text == "{}"
    assert ["response_format" in request.body for request in provider.requests] == [True, False, False]


async def test_a_model_that_there_is_not_is_not_asked_again_without_a_schema(
    ask_model: AskModel, provider: Provider
) -> None:
    provider.answer(refuses(404))
    with pytest.raises(UnknownModelError):
        await ask_model().complete(QUESTION, json_schema=SCHEMA, timeout=ANSWERS_IN_TIME)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error", "retryable"),
    [
        (refuses(500), ProviderUnavailableError, True),
        (refuses(503), ProviderUnavailableError, True),
        (refuses(529), ProviderUnavailableError, True),
        (drops(), ProviderUnavailableError, True),
        (limits_rate(2), RateLimitedError, True),
        (refuses(401), KeyRejectedError, False),
        (refuses(403), KeyRejectedError, False),
        (refuses(400), RequestRefusedError, False),
        (refuses(404), UnknownModelError, False),
        (refuses(302, location="http://127.0.0.1:1/elsewhere"), UnknownModelError, False),
        (garbage(), BadAnswerError, True),
        (garbage(b"[]"), BadAnswerError, True),
        (garbage(b"null"), BadAnswerError, True),
        (garbage(b'{"choices": []}'), BadAnswerError, True),
        (garbage(b'{"choices": [{"message": {"content": null}}]}'), BadAnswerError, True),
        (garbage(b'{"choices": [{"message": {"content": {"text": 1}}}]}'), BadAnswerError, True),
        (garbage(b"[" * 100_000), BadAnswerError, True),
        (Reply(body=b"", headers={"content-type": "application/json"}), BadAnswerError, True),
        (Reply(body=b"\x1f\x8b\x08", headers={"content-encoding": "gzip"}), BadAnswerError, True),
        (says("   "), BadAnswerError, True),
        (huge(10), OversizedAnswerError, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("llm_provider", ["openai", "claude"])
async def test_a_bad_answer_is_an_error_that_says_what_happened(
    ask_model: AskModel,
    provider: Provider,
    llm_provider: str,
    reply: Reply,
    error: type[ProviderError],
    retryable: bool,
) -> None:
    provider.answer(reply)
    with pytest.raises(error) as caught:
        await ask_model(llm_provider).complete(QUESTION, timeout=ANSWERS_IN_TIME)
    assert type(caught.value) is error
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("llm_provider", ["openai", "claude"])
async def test_an_error_names_the_code_and_when_to_come_back(
    ask_model: AskModel, provider: Provider, llm_provider: str
) -> None:
    quota = b'{"error": {"message": "too much", "type": "tokens", "code": "insufficient_quota"}}'
    provider.answer(Reply(status=429, headers={"retry-after": "17"}, body=quota))
    model = ask_model(llm_provider)
    with pytest.raises(RateLimitedError) as caught:
        await model.complete(QUESTION, timeout=ANSWERS_IN_TIME)
    assert caught.value.retry_after == 17
    assert len(provider.requests) == 1
    assert str(caught.value) == (
        f"{model.name} takes no more requests for now (HTTP 429, insufficient_quota); it asks to wait 17 s"
    )


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_neither_key_nor_prompt_stands_in_an_error_though_the_provider_quotes_them(
    ask_model: AskModel, provider: Provider, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    message = f"your key {KEY} may not ask: {SECRET}"
    provider.answer(refuses(status, message, x_reason=KEY))
    with pytest.raises(ProviderError) as caught:
        await ask_model().complete(QUESTION, timeout=ANSWERS_IN_TIME)
    told = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r} {caplog.text}"
    assert KEY not in told
    assert "4711" not in told


@pytest.mark.parametrize("reply", [hangs(), hangs(after=1), trickles(0.05)], ids=["silent", "stalled", "trickling"])
async def test_the_time_is_that_of_the_whole_call(ask_model: AskModel, provider: Provider, reply: Reply) -> None:
    model = ask_model()
    await model.complete(QUESTION, timeout=ANSWERS_IN_TIME)
    provider.answer(reply)
    with pytest.raises(ProviderTimeoutError):
        async with asyncio.timeout(10):
            await model.complete(QUESTION, timeout=0.5)


async def test_several_calls_are_under_way_at_once(ask_model: AskModel, provider: Provider) -> None:
    model = ask_model()
    provider.answer(hangs())
    waiting = [asyncio.create_task(model.complete(QUESTION, timeout=ANSWERS_IN_TIME)) for _ in range(8)]
    await asyncio.to_thread(until, lambda: len(provider.requests) == 8)
    assert provider.most_at_once == 8
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_another_model_of_the_same_provider_is_asked_by_its_name(ask_model: AskModel, provider: Provider) -> None:
    completion = await ask_model().with_model("gpt-5.4-nano").complete(QUESTION, timeout=ANSWERS_IN_TIME)
    assert completion.model == "openai/gpt-5.4-nano"
    assert provider.requests[0].model == "gpt-5.4-nano"


@pytest.mark.parametrize("llm_provider", ["openai", "claude"])
async def test_a_stream_brings_the_words_as_they_come_and_ends_with_what_it_cost(
    ask_model: AskModel, provider: Provider, llm_provider: str
) -> None:
    provider.answer(says("Ada lives in Vienna"))
    chunks = await read(ask_model(llm_provider).stream(QUESTION, timeout=ANSWERS_IN_TIME))
    assert "".join(chunk.text for chunk in chunks) == "Ada lives in Vienna"
    last = chunks.pop().completion
    assert last is not None
    assert (last.text, last.prompt_tokens, last.completion_tokens) == ("Ada lives in Vienna", 11, 5)
    assert all(chunk.completion is None for chunk in chunks)


async def test_the_first_words_are_there_before_the_last(ask_model: AskModel, provider: Provider) -> None:
    provider.answer(hangs(after=2))
    async with aclosing(ask_model().stream(QUESTION, timeout=ANSWERS_IN_TIME)) as stream:
        assert (await anext(stream)).text == "this"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (limits_rate(3), RateLimitedError),
        (drops(), ProviderUnavailableError),
        (garbage(b"data: {{{\n\n", "text/event-stream"), BadAnswerError),
        (garbage(b"data: [DONE]\n\n", "text/event-stream"), BadAnswerError),
        (huge(10), OversizedAnswerError),
    ],
    ids=str,
)
async def test_a_stream_fails_with_the_same_errors(
    ask_model: AskModel, provider: Provider, reply: Reply, error: type[ProviderError]
) -> None:
    provider.answer(reply)
    with pytest.raises(error):
        await read(ask_model().stream(QUESTION, timeout=ANSWERS_IN_TIME))


async def test_a_stream_that_stalls_ends_in_time(ask_model: AskModel, provider: Provider) -> None:
    model = ask_model()
    await model.complete(QUESTION, timeout=ANSWERS_IN_TIME)
    provider.answer(hangs(after=2))
    with pytest.raises(ProviderTimeoutError):
        async with asyncio.timeout(10):
            await read(model.stream(QUESTION, timeout=1))
