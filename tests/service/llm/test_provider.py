"""The provider of the tests keeps to the shapes that clients of it read."""

import json

import httpx
import pytest

from tests.service.provider import (
    Provider,
    ProviderRequest,
    Reply,
    drops,
    garbage,
    hangs,
    huge,
    limits_rate,
    says,
    vector_of,
)

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "Where does Ada live?"}]}


def ask(provider: Provider, **more: object) -> httpx.Response:
    return httpx.post(f"{provider.base_url}/chat/completions", json={**QUESTION, **more}, timeout=5)


def test_it_answers_as_a_function_of_the_request(provider: Provider) -> None:
    def echo(request: ProviderRequest) -> Reply:
        return says(f"you asked: {request.prompt}")

    provider.answer(echo)
    [choice] = ask(provider).json()["choices"]
    assert choice["message"]["content"] == "you asked: Where does Ada live?"
    assert provider.requests[0].model == "m"


def test_what_is_scripted_comes_first_and_once(provider: Provider) -> None:
    provider.script(limits_rate(3), garbage())
    limited = ask(provider)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert ask(provider).content.startswith(b"<html>")
    assert ask(provider).json()["choices"][0]["message"]["content"] == "ok"


def test_it_streams_word_by_word(provider: Provider) -> None:
    provider.answer(says("in Vienna now"))
    lines = [line.removeprefix("data: ") for line in ask(provider, stream=True).text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    assert [choice["delta"].get("content") for choice in choices] == ["in", " Vienna", " now", None]


def test_the_same_text_has_the_same_vector_and_shared_words_bring_texts_near(provider: Provider) -> None:
    texts = ["Ada lives in Vienna", "Ada lives in Graz", "a red bicycle"]
    answer = httpx.post(f"{provider.base_url}/embeddings", json={"model": "small", "input": texts}).json()
    first, second, third = (entry["embedding"] for entry in answer["data"])
    assert first == pytest.approx(vector_of(texts[0]))

    def cosine(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert cosine(first, second) > cosine(first, third) + 0.3


def test_it_can_hang_break_off_and_send_far_too_much(provider: Provider) -> None:
    provider.script(hangs(), drops(), huge(2))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{provider.base_url}/chat/completions", json=QUESTION, timeout=0.2)
    with pytest.raises(httpx.TransportError):
        ask(provider)
    assert len(ask(provider).content) == 2 << 20
