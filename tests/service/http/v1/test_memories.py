from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.service.http.v1.calls import add, call, listed
from tests.service.manual_clock import ManualClock


async def test_a_memory_is_got_by_its_id_in_whichever_state_it_is(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    added = await add(client, "tea", id="m1", user_id="ada")
    assert await call(client, "GET", "/v1/memories/m1") == {
        name: value for name, value in added.items() if name not in ("is_new", "degraded")
    }
    clock.advance(hours=24 * 365)
    assert (await call(client, "GET", "/v1/memories/m1"))["state"] == "active"  # the service did not run meanwhile


@pytest.mark.parametrize("memory_id", ["a/b", "a%2Fb", "%", "ä ö?#&", "../x", "a/b/history", "/", "日本", "x/pin"])
async def test_an_id_may_hold_any_character(client: httpx.AsyncClient, memory_id: str) -> None:
    await add(client, "tea", id=memory_id)
    await add(client, "coffee", id="other")
    path = f"/v1/memories/{quote(memory_id, safe='')}"
    assert (await call(client, "GET", path))["id"] == memory_id
    assert (await call(client, "GET", f"{path}/history"))[0]["memory_id"] == memory_id
    assert (await call(client, "PUT", f"{path}/pin"))["pinned"] is True
    assert (await call(client, "DELETE", path))["id"] == memory_id
    assert await listed(client) == ["coffee"]


async def test_a_slash_at_the_end_makes_no_difference(client: httpx.AsyncClient) -> None:
    await add(client, "tea", id="m1")
    assert (await call(client, "GET", "/v1/memories/m1/"))["id"] == "m1"
    assert len((await call(client, "GET", "/v1/memories/"))["results"]) == 1
    assert (await client.post("/v1/memories/m1/restore/")).status_code == 200


async def test_what_is_given_changes_and_the_rest_stays(client: httpx.AsyncClient, clock: ManualClock) -> None:
    before = await add(
        client, "Ada likes tea", id="m1", speaker="Ada", metadata={"a": 1}, expires_at="2030-01-01T00:00:00Z"
    )
    clock.advance(hours=1)
    changed = await call(client, "PATCH", "/v1/memories/m1", {"content": "Ada likes coffee", "metadata": {"b": 2}})
    assert (changed["content"], changed["metadata"], changed["speaker"]) == ("Ada likes coffee", {"b": 2}, "Ada")
    assert changed["updated_at"] == "2027-01-15T09:00:00.000Z"
    assert changed["created_at"] == before["created_at"]
    assert changed["expires_at"] == "2030-01-01T00:00:00.000Z"
    assert (await call(client, "PATCH", "/v1/memories/m1", {"expires_at": None}))["expires_at"] is None
    last = await call(client, "PATCH", "/v1/memories/m1", {"importance": 1, "pinned": True, "speaker": "Ben"})
    assert (last["importance"], last["pinned"], last["speaker"]) == (1.0, True, "Ben")


@pytest.mark.parametrize("body", [{}, {"content": None}, {"user_id": "ben"}, {"importance": "1"}, {"pinned": None}])
async def test_a_change_of_nothing_or_of_what_cannot_change_is_refused(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    await add(client, "tea", id="m1")
    assert (await client.patch("/v1/memories/m1", json=body)).status_code == 422


async def test_the_history_tells_what_happened_also_after_the_end(client: httpx.AsyncClient) -> None:
    await add(client, "tea", id="m1")
    await call(client, "PATCH", "/v1/memories/m1", {"content": "coffee"})
    await call(client, "POST", "/v1/memories/m1/restore")
    events = await call(client, "GET", "/v1/memories/m1/history")
    assert [(event["action"], event["old_content"], event["new_content"]) for event in events] == [
        ("ADD", None, "tea"),
        ("UPDATE", "tea", "coffee"),
        ("RESTORE", None, None),
    ]
    assert (events[1]["actor"], events[1]["event"], events[1]["new_memory"]) == ("default", "UPDATE", "coffee")
    await call(client, "DELETE", "/v1/memories/m1")
    events = await call(client, "GET", "/v1/memories/m1/history")
    assert events[-1]["action"] == "DELETE"
    assert not any(event["old_content"] or event["new_content"] for event in events)


async def test_a_memory_is_pinned_and_let_go(client: httpx.AsyncClient) -> None:
    await add(client, "tea", id="m1")
    assert (await call(client, "PUT", "/v1/memories/m1/pin"))["pinned"] is True
    assert (await call(client, "PUT", "/v1/memories/m1/pin"))["pinned"] is True
    assert (await call(client, "DELETE", "/v1/memories/m1/pin"))["pinned"] is False


async def test_an_expired_memory_is_restored(client: httpx.AsyncClient) -> None:
    expired = await add(client, "tea", id="m1", expires_at="2020-01-01T00:00:00Z")
    assert expired["state"] == "expired"
    restored = await call(client, "POST", "/v1/memories/m1/restore")
    assert (restored["state"], restored["expires_at"]) == ("active", None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/history"),
        ("POST", "/restore"),
        ("PUT", "/pin"),
        ("DELETE", "/pin"),
    ],
)
async def test_an_unknown_memory_is_not_found(client: httpx.AsyncClient, method: str, path: str) -> None:
    body = {"pinned": True} if method == "PATCH" else None
    headers = {"Idempotency-Key": "k"} if method == "POST" else {}
    answer = await client.request(method, f"/v1/memories/none{path}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no memory 'none'.")


async def test_one_key_restores_two_memories_only_as_two_requests(client: httpx.AsyncClient) -> None:
    for memory_id in ("m1", "m2"):
        await add(client, "tea", id=memory_id)
    headers = {"Idempotency-Key": "k"}
    assert (await client.post("/v1/memories/m1/restore", headers=headers)).status_code == 200
    assert (await client.post("/v1/memories/m1/restore", headers=headers)).headers["Idempotency-Replayed"] == "true"
    assert (await client.post("/v1/memories/m2/restore", headers=headers)).status_code == 422


async def test_a_list_goes_from_page_to_page_without_loss(client: httpx.AsyncClient) -> None:
    members = [{"content": f"note {number}", "user_id": "ada", "run_id": f"s{number % 2}"} for number in range(25)]
    await call(client, "POST", "/v1/memories/batch", {"memories": members}, status=201)
    seen: list[str] = []
    query: dict[str, Any] = {"user_id": "ada", "limit": 10}
    while True:
        page = await call(client, "GET", "/v1/memories", **query)
        seen += [memory["content"] for memory in page["results"]]
        await add(client, "meanwhile", user_id="ada")
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [f"note {number}" for number in reversed(range(25))]
    assert (await call(client, "GET", "/v1/memories", user_id="ada", session_id="s1"))["total"] == 12


async def test_a_list_is_narrowed_to_states(client: httpx.AsyncClient) -> None:
    await add(client, "here")
    await add(client, "gone", expires_at="2020-01-01T00:00:00Z")
    assert await listed(client) == ["gone", "here"]
    assert await listed(client, state="active") == ["here"]
    assert await listed(client, state=["expired", "faded"]) == ["gone"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "x"},
        {"cursor": "x"},
        {"state": "asleep"},
        {"usr_id": "ada"},
        {"user_id": ""},
    ],
)
async def test_a_bad_list_is_refused(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await client.get("/v1/memories", params=query)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 1
