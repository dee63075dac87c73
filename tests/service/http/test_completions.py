"""Chats through the proxy, by OpenAI's official client and by hand, with a provider that does what the test says."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.service.provider import (
    Provider,
    ProviderRequest,
    Reply,
    drops,
    garbage,
    limits_rate,
    refuses,
    running_provider,
    says,
    trickles,
)
from tests.service.running import KEY, RunningService, running
from tests.service.waiting import until

pytestmark = pytest.mark.process
KEYS = {KEY: ["read", "write"], "only-reads": ["read"]}
PROVIDER_KEY = "sk-a-key-that-nobody-may-see"


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    shared_provider.requests.clear()
    shared_provider.answer(says("ok"))
    return shared_provider


def settings(provider: Provider, **variables: str) -> dict[str, str]:
    asked = {"LLM_PROVIDER": "openai", "LLM_MODEL": "m1", "LLM_API_BASE": provider.base_url}
    return {"EMBEDDING_PROVIDER": "local", "OPENAI_API_KEY": PROVIDER_KEY, **asked, **variables}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, shared_provider: Provider) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("completions")
    keys = [
        {"name": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}
        for key, scopes in KEYS.items()
    ]
    (folder / "access.json").write_text(json.dumps({"keys": keys}))
    with running(folder, ACCESS_FILE=str(folder / "access.json"), **settings(shared_provider)) as service:
        service.ready()
        yield service


@pytest.fixture
def http(service: RunningService) -> httpx.Client:
    return service.client()


@pytest.fixture
def client(service: RunningService) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=address(service), api_key=KEY, max_retries=0) as client:
        yield client


def address(service: RunningService) -> str:
    return f"{str(service.client().base_url).rstrip('/')}/v1"


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """One that no other test has."""
    return hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


def remember(http: httpx.Client, content: str, **about: object) -> str:
    stored = http.post("/v1/memories", json={"content": content, **about})
    assert stored.status_code == 201, stored.text
    return str(stored.json()["id"])


def remembered(http: httpx.Client, user: str) -> list[tuple[str | None, str]]:
    """Who said what, the earliest first."""
    listed = http.get("/v1/memories", params={"user_id": user}).json()["results"]
    return [(memory["speaker"], memory["content"]) for memory in reversed(listed)]


def said(content: str, role: str = "user") -> Any:
    return {"role": role, "content": content}


def test_the_configured_model_is_listed(client: openai.OpenAI, http: httpx.Client) -> None:
    [model] = client.models.list().data
    assert (model.id, model.object, model.owned_by) == ("openai/m1", "model", "openai")
    refused = http.get("/v1/models", headers={"Authorization": "Bearer wrong"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
    assert http.get("/v1/models", headers={"Authorization": "Bearer only-reads"}).status_code == 200


def test_the_model_is_told_what_was_said_before(
    client: openai.OpenAI, http: httpx.Client, provider: Provider, user: str
) -> None:
    remember(http, "I drink lapsang souchong.", user_id=user, speaker="Ada")
    remember(http, "The launch code is 0000.", user_id=f"not {user}")
    provider.answer(says("Lapsang souchong, as always."))
    messages = [said("You are a waiter.", "system"), said("Which tea do I drink?")]
    response = client.chat.completions.with_raw_response.create(
        model="gpt-4o", user=user, messages=messages, temperature=0.2, max_tokens=99
    )
    answer = response.parse()
    assert answer.choices[0].message.content == "Lapsang souchong, as always."
    assert answer.usage is not None
    assert answer.usage.total_tokens == 16
    assert response.headers["x-memorybank-memories"] == "1"
    [asked] = provider.chats
    assert [message["role"] for message in asked.messages] == ["system", "system", "user"]
    waiter, recalled, question = (message["content"] for message in asked.messages)
    assert (waiter, question) == ("You are a waiter.", "Which tea do I drink?")
    assert "] Ada: I drink lapsang souchong.\n</memories>" in recalled
    assert "0000" not in asked.prompt
    assert (asked.model, asked.body["temperature"], asked.body["max_tokens"]) == ("m1", 0.2, 99)
    assert "user" not in asked.body


def test_what_was_newly_said_is_stored_and_nothing_else(
    client: openai.OpenAI, http: httpx.Client, provider: Provider, user: str
) -> None:
    provider.answer(says("The night train leaves at 22:05."))
    messages = [said("Be brief.", "system"), said("When does the night train leave?")]
    client.chat.completions.create(model="m", user=user, messages=messages)
    first = [("user", "When does the night train leave?"), ("assistant", "The night train leaves at 22:05.")]
    assert remembered(http, user) == first
    provider.answer(says("At noon the next day."))
    messages += [said("The night train leaves at 22:05.", "assistant"), said("And when is it there?")]
    client.chat.completions.create(model="m", user=user, messages=messages)
    assert remembered(http, user) == [*first, ("user", "And when is it there?"), ("assistant", "At noon the next day.")]
    assert "<memories>" not in provider.chats[-1].prompt  # it is all in the conversation


def test_what_was_recalled_into_a_message_is_not_stored_again(
    client: openai.OpenAI, http: httpx.Client, user: str
) -> None:
    told = "<memories>\n[2027-01-15 08:00] Ada: I drink tea.\n</memories>\nWhat should I buy?"
    client.chat.completions.create(model="m", user=user, messages=[said(told)])
    assert remembered(http, user)[0] == ("user", "What should I buy?")


def test_a_stream_comes_in_openai_s_chunks(
    client: openai.OpenAI, http: httpx.Client, provider: Provider, user: str
) -> None:
    provider.answer(says("One word after the other."))
    with client.chat.completions.create(model="m", user=user, messages=[said("Count.")], stream=True) as stream:
        chunks = list(stream)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == (
        "One word after the other."
    )
    assert len(chunks) > 4
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    until(lambda: remembered(http, user) == [("user", "Count."), ("assistant", "One word after the other.")])
    usage: Any = {"include_usage": True}
    with client.chat.completions.create(
        model="m", user=user, messages=[said("Count again.")], stream=True, stream_options=usage
    ) as stream:
        last = list(stream)[-1]
    assert last.usage is not None
    assert last.usage.total_tokens == 16


def test_a_stream_is_server_sent_events_that_end_with_done(http: httpx.Client, user: str) -> None:
    body = {"messages": [said("Hello.")], "user": user, "stream": True}
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        events = answer.read().decode().split("\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}


async def test_the_asynchronous_client_is_answered_too(service: RunningService, provider: Provider, user: str) -> None:
    provider.answer(says("Hello, Ada."))
    async with openai.AsyncOpenAI(base_url=address(service), api_key=KEY, max_retries=0) as client:
        answer = await client.chat.completions.create(model="m", user=user, messages=[said("Hello.")])
        assert answer.choices[0].message.content == "Hello, Ada."
        stream = await client.chat.completions.create(model="m", user=user, messages=[said("Again.")], stream=True)
        words = [choice.delta.content or "" async for chunk in stream for choice in chunk.choices]
    assert "".join(words) == "Hello, Ada."


def test_tools_are_handed_on_and_their_results_are_no_memories(
    client: openai.OpenAI, http: httpx.Client, provider: Provider, user: str
) -> None:
    def calls(request: ProviderRequest) -> Reply:
        call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        about = {"id": "x", "object": "chat.completion", "created": 1, "model": request.model}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return Reply(body=json.dumps({**about, "choices": [choice], "usage": usage}).encode())

    provider.answer(calls)
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    messages = [said("How is the weather?")]
    answer = client.chat.completions.create(model="m", user=user, messages=messages, tools=tools)
    [call] = answer.choices[0].message.tool_calls or []
    assert provider.chats[0].body["tools"] == tools
    provider.answer(says("Sunny."))
    messages += [
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny, 20 degrees"},
    ]
    client.chat.completions.create(model="m", user=user, messages=messages, tools=tools)
    assert provider.chats[1].messages[-1]["content"] == "sunny, 20 degrees"
    assert remembered(http, user) == [("user", "How is the weather?"), ("assistant", "Sunny.")]


def test_pictures_are_handed_on_and_their_words_are_stored(
    client: openai.OpenAI, http: httpx.Client, provider: Provider, user: str
) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'aGkh' * 50_000}"}}
    parts: Any = [{"type": "text", "text": "This is my cat Ines."}, picture]
    client.chat.completions.create(model="m", user=user, messages=[{"role": "user", "content": parts}])
    assert provider.chats[0].messages[-1]["content"] == parts
    assert remembered(http, user)[0] == ("user", "This is my cat Ines.")


def test_what_a_memory_cannot_hold_does_not_stand_in_the_way(
    client: openai.OpenAI, http: httpx.Client, provider: Provider, user: str
) -> None:
    provider.answer(says("half \ud800 " + "ä" * 20_000))
    question = "é" * 20_000
    answer = client.chat.completions.create(model="m", user=user, messages=[said(question)])
    assert len(answer.choices[0].message.content or "") > 20_000
    assert provider.chats[0].messages[-1]["content"] == question
    assert [len(content.encode()) // 16 for _, content in remembered(http, user)] == [2048, 2047]


def test_a_recalled_memory_counts_as_recalled(client: openai.OpenAI, http: httpx.Client, user: str) -> None:
    remember(http, "I keep bees in Graz.", user_id=user)
    client.chat.completions.create(model="m", user=user, messages=[said("Where do I keep bees?")])

    def recalls() -> int:
        body = {"query": "I keep bees in Graz.", "metadata": {"user_id": user}, "top_k": 1}
        [memory] = http.post("/retrieve_memory", json=body).json()["memories"]
        return int(memory["access_count"])

    until(lambda: recalls() == 1)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"user": "USER", "metadata": {"agent_id": "cook", "run_id": "s1"}}, {}),
        ({"metadata": {"user_id": "USER", "agent_id": "cook", "run_id": "s1"}}, {}),
        ({}, {"user": "USER", "agent": "cook", "run": "s1"}),
        ({"user": "USER"}, {"user": "USER", "agent": "cook", "run": "s1"}),
    ],
)
def test_whose_chat_it_is_stands_in_the_body_or_in_headers(
    http: httpx.Client, provider: Provider, user: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    body, headers = json.loads(json.dumps([body, headers]).replace("USER", user))
    named = {f"X-MemoryBank-{name.title()}": value for name, value in headers.items()}
    answer = http.post("/v1/chat/completions", json={"messages": [said("I sail.")], **body}, headers=named)
    assert answer.status_code == 200, answer.text
    [first, _] = http.get("/v1/memories", params={"user_id": user}).json()["results"]
    assert (first["user_id"], first["agent_id"], first["run_id"]) == (user, "cook", "s1")
    assert "metadata" not in provider.chats[0].body


def test_a_header_binds(http: httpx.Client) -> None:
    body = {"messages": [said("Hello.")], "user": "bob"}
    answer = http.post("/v1/chat/completions", json=body, headers={"X-MemoryBank-User": "ada"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_provider_that_is_busy_is_told_of_and_the_words_are_kept_once(
    service: RunningService, http: httpx.Client, provider: Provider, user: str
) -> None:
    provider.script(limits_rate(0.01), limits_rate(7))
    with openai.OpenAI(base_url=address(service), api_key=KEY, max_retries=1) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="m", user=user, messages=[said("My password is xyzzy.")])
        assert refused.value.response.headers["retry-after"] == "7"
        assert refused.value.code == "provider_rate_limit"
        assert "xyzzy" not in str(refused.value)
        assert remembered(http, user) == [("user", "My password is xyzzy.")]
        client.chat.completions.create(model="m", user=user, messages=[said("My password is xyzzy.")])
    assert remembered(http, user) == [("user", "My password is xyzzy."), ("assistant", "ok")]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (refuses(500), 502),
        (refuses(401), 502),
        (refuses(400), 400),
        (garbage(), 502),
        (Reply(body=b'{"choices": []}'), 502),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_fails_is_an_error_in_openai_s_form(
    http: httpx.Client, provider: Provider, user: str, reply: Reply, status: int, stream: bool
) -> None:
    provider.answer(reply)
    body = {"messages": [said("Remember me.")], "user": user, "stream": stream}
    answer = http.post("/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"].startswith("openai/m1 ")
    assert set(error) == {"message", "type", "param", "code"}
    assert PROVIDER_KEY not in answer.text
    assert remembered(http, user) == [("user", "Remember me.")]


def test_a_stream_that_breaks_off_says_so_and_is_not_stored(http: httpx.Client, provider: Provider, user: str) -> None:
    provider.answer(drops())
    body = {"messages": [said("Tell me.")], "user": user, "stream": True}
    events = http.post("/v1/chat/completions", json=body).text.split("\n\n")
    assert json.loads(events[-2].removeprefix("data: "))["error"]["code"] == "provider_failed"
    assert remembered(http, user) == [("user", "Tell me.")]


@pytest.mark.parametrize(
    ("stream", "reply"),
    [
        (True, Reply(text="a very long story about nothing at all", pause=0.3)),
        (True, trickles(0.2)),
        (False, trickles(0.2)),
    ],
)
def test_who_goes_away_ends_the_call(
    service: RunningService, http: httpx.Client, provider: Provider, user: str, stream: bool, reply: Reply
) -> None:
    provider.answer(reply)
    body = {"messages": [said("Tell me a story.")], "user": user, "stream": stream}
    with suppress(httpx.ReadTimeout), http.stream("POST", "/v1/chat/completions", json=body, timeout=1) as answer:
        next(answer.iter_lines())
    until(lambda: len(provider.chats) == 1)
    until(lambda: provider.under_way == 0)
    assert not [line for line in service.log() if "exception" in line]
    assert remembered(http, user) == [("user", "Tell me a story.")]


def test_keys_and_bodies_are_checked_in_openai_s_form(service: RunningService, http: httpx.Client) -> None:
    def asking(key: str, **body: Any) -> None:
        with openai.OpenAI(base_url=address(service), api_key=key, max_retries=0) as client:
            client.chat.completions.create(**{"model": "m", "messages": [said("x")], **body})

    with pytest.raises(openai.AuthenticationError):
        asking("unknown")
    with pytest.raises(openai.PermissionDeniedError, match="does not have the scope 'write'"):
        asking("only-reads")
    bodies: list[dict[str, Any]] = [
        {"messages": []},
        {"messages": [{"role": "clown", "content": "x"}]},
        {"n": 1000},
        {"max_tokens": -1},
    ]
    for body in bodies:
        with pytest.raises(openai.BadRequestError) as refused:
            asking(KEY, **body)
        assert refused.value.param is not None
    half = "\ud800"
    odd: list[dict[str, Any]] = [{"user": half}, {"user": "a\0b"}, {"metadata": {"run_id": half}}, {"user": ""}]
    for raw in (b"{", b"[" * 100_000, *(json.dumps({"messages": [said("x")], **body}).encode() for body in odd)):
        answer = http.post("/v1/chat/completions", content=raw, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_without_a_model_the_memory_still_works(tmp_path: Path) -> None:
    with running(tmp_path, LLM_PROVIDER="openai") as service:
        http = service.ready()
        answer = http.post("/v1/chat/completions", json={"messages": [said("I live in Lisbon.")], "user": "ada"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_language_model")
        assert "OPENAI_API_KEY" in answer.json()["error"]["message"]
        assert remembered(http, "ada") == [("user", "I live in Lisbon.")]


def test_nothing_is_asked_beyond_the_day_s_budget(tmp_path: Path, provider: Provider) -> None:
    body = {"messages": [said("Hello.")], "user": "ada", "max_tokens": 100}
    with running(tmp_path, **settings(provider, LLM_DAILY_TOKENS="250")) as service:
        http = service.ready()
        provider.answer(lambda request: usage_of(request, 200))
        assert http.post("/v1/chat/completions", json=body).status_code == 200
        refused = http.post("/v1/chat/completions", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "daily_budget_spent")
        assert int(refused.headers["retry-after"]) > 0
        service.end()
    with running(tmp_path, **settings(provider, LLM_DAILY_TOKENS="250")) as service:
        assert service.ready().post("/v1/chat/completions", json=body).status_code == 429
    assert len(provider.chats) == 1


def usage_of(request: ProviderRequest, tokens: int) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": tokens - 1, "total_tokens": tokens}
    about = {"id": "x", "object": "chat.completion", "created": 1, "model": request.model}
    return Reply(body=json.dumps({**about, "choices": [choice], "usage": usage}).encode())


def test_neither_words_nor_keys_are_in_the_log(
    service: RunningService, client: openai.OpenAI, provider: Provider, user: str
) -> None:
    provider.answer(says("plugh"))
    client.chat.completions.create(model="m", user=user, messages=[said("xyzzy")])
    provider.answer(refuses(400, "xyzzy"))
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="m", user=user, messages=[said("xyzzy again")])
    log = service.log_file.read_text()
    for secret in ("xyzzy", "plugh", KEY, PROVIDER_KEY, user):
        assert secret not in log
