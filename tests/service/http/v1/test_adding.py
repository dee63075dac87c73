import asyncio
import json

import httpx
import pytest

from memorybank_service.http.app import LARGER_BODIES
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call, listed


async def test_an_added_memory_is_answered_with_all_of_its_fields(client: httpx.AsyncClient) -> None:
    given = {
        "id": "m1",
        "content": "I take the night train.",
        "user_id": "ada",
        "agent_id": "travel",
        "run_id": "s1",
        "speaker": "Ada",
        "created_at": "2023-05-08T13:56:00Z",
        "metadata": {"topic": "travel", "deep": [{"a": None}]},
        "importance": 0.9,
        "pinned": True,
        "expires_at": "2030-01-01T00:00:00+01:00",
    }
    assert await call(client, "POST", "/v1/memories", given, status=201) == {
        **given,
        "memory": given["content"],
        "session_id": "s1",
        "created_at": "2023-05-08T13:56:00.000Z",
        "stored_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2029-12-31T23:00:00.000Z",
        "state": "active",
        "kind": "turn",
        "is_new": True,
        "degraded": [],
    }


async def test_what_is_left_out_has_a_plain_default(client: httpx.AsyncClient) -> None:
    memory = await add(client, "tea", user_id=None, session_id="s1")
    defaults: dict[str, object] = {
        "user_id": None,
        "agent_id": None,
        "run_id": "s1",
        "speaker": None,
        "created_at": "2027-01-15T08:00:00.000Z",
        "metadata": {},
        "importance": 0.5,
        "pinned": False,
        "expires_at": None,
    }
    assert {name: memory[name] for name in defaults} == defaults
    assert len(memory["id"]) == 36


async def test_the_same_words_under_the_same_id_change_nothing(client: httpx.AsyncClient) -> None:
    first = await add(client, "tea", id="m1")
    again = await add(client, "tea", id="m1", importance=1.0)
    assert again == {**first, "is_new": False}
    other = await client.post("/v1/memories", json={"content": "coffee", "id": "m1"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:memorybank:problem:conflict")


async def test_a_conversation_becomes_a_memory_a_message(client: httpx.AsyncClient) -> None:
    messages = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "name": "Ada", "content": "Which train?", "created_at": "2026-01-01T00:00:00Z"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "The NJ 295"},
                {"type": "image_url", "image_url": {"url": "data:"}},
                {"type": "text", "text": "at 22:05."},
            ],
        },
    ]
    body = {"messages": messages, "user_id": "ada", "run_id": "s1", "created_at": "2026-06-01T00:00:00Z"}
    answer = await call(client, "POST", "/v1/memories", body, status=201)
    shown = [(m["speaker"], m["content"], m["created_at"][:7], m["run_id"]) for m in answer["results"]]
    assert shown == [("Ada", "Which train?", "2026-01", "s1"), ("assistant", "The NJ 295\nat 22:05.", "2026-06", "s1")]


async def test_what_was_recalled_into_a_message_is_not_taken_in_again(client: httpx.AsyncClient) -> None:
    recalled = "<memories>\n[2027-01-15 08:00] Ada: I like tea.\n</memories>"
    messages = [{"role": "user", "content": f"{recalled}\nWhat do I like?"}, {"role": "user", "content": recalled}]
    answer = await call(client, "POST", "/v1/memories", {"messages": messages}, status=201)
    assert [memory["content"] for memory in answer["results"]] == ["What do I like?"]


async def test_words_given_as_content_are_kept_to_the_letter(client: httpx.AsyncClient) -> None:
    for content in ("<memories>x</memories>", " space \n", "nul \x00", "😀"):
        assert (await add(client, content))["content"] == content


async def test_without_a_model_the_words_are_stored_and_the_answer_says_what_is_missing(
    client: httpx.AsyncClient,
) -> None:
    answer = await add(client, "tea", infer=True)
    assert answer["degraded"] == [
        "No language model is configured: the words are stored, and no facts are drawn from them."
    ]
    assert await listed(client) == ["tea"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "content", "Field required"),
        ({"content": "a", "speeker": "b"}, "speeker", "is not a field of this request"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": "a"}], "content": "a"}, "content", "excludes `messages`"),
        ({"messages": [{"role": "user", "content": "é" * 16_385}]}, "messages.0", "must say at most 32768 bytes"),
        ({"messages": [{"content": "a"}]}, "messages.0.role", "Field required"),
        ({"content": 5}, "content", "valid string"),
        ({"content": "a", "importance": "0.5"}, "importance", "valid number"),
        ({"content": "a", "importance": 1.01}, "importance", "less than or equal to 1"),
        ({"content": "a", "pinned": 1}, "pinned", "valid boolean"),
        ({"content": "a", "created_at": 5}, "created_at", "RFC 3339"),
        ({"content": "a", "created_at": "2027-01-15T08:00:00"}, "created_at", "RFC 3339 time with its zone"),
        ({"content": "a", "created_at": "0000-12-31T00:00:00Z"}, "created_at", "must be an RFC 3339 time"),
        ({"content": "a", "user_id": "*"}, "user_id", "stands for every user"),
        ({"content": "a", "user_id": ""}, "user_id", "at least 1 character"),
        ({"content": "a", "user_id": "a\x00b"}, "user_id", "pattern"),
        ({"content": "a", "user_id": "\ud800"}, "user_id", "valid string"),
        ({"content": "a", "run_id": "a", "session_id": "a"}, "body", "the same thing"),
        ({"content": "a", "metadata": {"user_id": 5, "k": 10**30}}, "metadata", ""),
        ([], "body", "valid dictionary"),
    ],
)
async def test_a_bad_memory_is_refused_and_the_field_is_named(
    client: httpx.AsyncClient, body: object, field: str, message: str
) -> None:
    answer = await client.post("/v1/memories", content=json.dumps(body), headers={"Content-Type": "application/json"})
    if not message:
        assert answer.status_code == 201
        return
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


async def test_what_lies_at_the_ends_of_time_becomes_the_nearest_that_can_be_said(client: httpx.AsyncClient) -> None:
    given = {"created_at": "0001-01-01T00:00:00+10:00", "expires_at": "9999-12-31T23:59:59Z"}
    added = await add(client, "tea", **given)
    assert (added["created_at"], added["expires_at"]) == ("0001-01-02T00:00:00.000Z", "9999-12-30T00:00:00.000Z")


def batch(count: int) -> dict[str, object]:
    return {"memories": [{"content": f"note {number}", "user_id": "ada"} for number in range(count)]}


async def test_a_batch_is_stored_in_its_order(client: httpx.AsyncClient) -> None:
    answer = await call(client, "POST", "/v1/memories/batch", batch(50), status=201)
    assert answer["degraded"] == []
    assert all(result["is_new"] for result in answer["results"])
    assert await listed(client, user_id="ada") == [f"note {number}" for number in reversed(range(50))]
    newest = (await call(client, "GET", "/v1/memories", user_id="ada", limit=1))["results"][0]
    assert newest["id"] == answer["results"][-1]["id"]


async def test_a_batch_is_stored_as_a_whole_or_not_at_all(client: httpx.AsyncClient) -> None:
    await add(client, "tea", id="m1")
    members = [{"content": "coffee"}, {"content": "milk", "id": "m1"}]
    answer = await client.post("/v1/memories/batch", json={"memories": members})
    assert answer.status_code == 409
    assert await listed(client) == ["tea"]


async def test_each_wrong_member_of_a_batch_is_named(client: httpx.AsyncClient) -> None:
    members = [{"content": "a"}, {"content": ""}, 5, {"content": "a", "user": "b"}]
    answer = await client.post("/v1/memories/batch", json={"memories": members})
    assert answer.status_code == 422
    fields = [error["field"] for error in answer.json()["errors"]]
    assert fields == ["memories.1.content", "memories.2", "memories.3.user"]
    assert await listed(client) == []


async def test_a_batch_sent_again_is_answered_as_before(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post("/v1/memories/batch", json=batch(3), headers=headers)
    again = await client.post("/v1/memories/batch", json=batch(3), headers=headers)
    assert first.content == again.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(await listed(client, user_id="ada")) == 3


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{}", 422, "memories: Field required."),
        (b"[]", 422, "body: must be an object with the field `memories`."),
        (b'{"memory": []}', 422, "memory: is not a field of this request."),
        (b'{"memories": {}}', 422, "memories: must be a list."),
        (b'{"memories": [ ]}', 422, "memories: must have at least one memory."),
        (b'{"memories": [1], "more": 1}', 422, "body: must have the field `memories` alone."),
        (b'{"memories": [' + b",".join([b'{"content": "a"}'] * 1001) + b"]}", 422, "memories: must have at most 1000"),
        (b'{"memories": [{"content": "a"}', 400, "The body is not valid JSON."),
        (b'{"memories": [{"content": "a"}]} x', 400, "The body is not valid JSON."),
        (b'{"memories": [' + b"[" * 100_000, 400, "The body is not valid JSON."),
        (b'{"memories": [' + b"9" * 10_000 + b"]}", 400, "The body is not valid JSON."),
        (b"\xff", 400, "The body is not valid JSON."),
        (b'{"memories": [{"content": "' + b"x" * 300_000 + b'"}]}', 413, "A memory is malformed or longer than"),
    ],
)
async def test_a_malformed_batch_is_refused(client: httpx.AsyncClient, body: bytes, status: int, detail: str) -> None:
    answer = await client.post("/v1/memories/batch", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"][: len(detail)]) == (status, detail)


async def test_a_batch_has_a_body_limit_of_its_own(client: httpx.AsyncClient) -> None:
    limit = LARGER_BODIES["/v1/memories/batch"]
    content = "x" * 30_000
    large = {"memories": [{"content": content, "metadata": {"n": n}} for n in range(20)]}
    await call(client, "POST", "/v1/memories/batch", large, status=201)
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/memories/batch", content=b" " * (limit + 1), headers=headers)
    assert answer.status_code == 413
    form = await client.post("/v1/memories/batch", content=b"a=b", headers={"Content-Type": "text/plain"})
    assert form.status_code == 415


async def test_a_batch_without_a_key_is_refused_before_its_body_is_read(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    answer = await client.post("/v1/memories/batch", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


async def test_while_a_batch_is_read_the_event_loop_goes_on(client: httpx.AsyncClient, tenant: Tenant) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count_turns())
    await call(client, "POST", "/v1/memories/batch", batch(200), status=201)
    counting.cancel()
    assert turns > 200
    assert (await tenant.bank.totals()).memories == 200
