"""The history of a memory as clients read it."""

from typing import Any

import httpx

from tests.service.http.v1.test_moving import take_in
from tests.service.manual_clock import ManualClock


async def add(client: httpx.AsyncClient, content: str) -> None:
    answer = await client.post("/v1/memories", json={"content": content, "user_id": "ada", "id": "m1"})
    assert answer.status_code == 201, answer.text


async def history(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/v1/memories/m1/history")
    assert answer.status_code == 200, answer.text
    events: list[dict[str, Any]] = answer.json()
    return events


async def test_an_id_that_is_used_again_tells_of_both_memories_in_order(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await add(client, "I live in Graz.")
    clock.advance(hours=1)
    await client.patch("/v1/memories/m1", json={"content": "I live in Linz."})
    clock.advance(hours=1)
    await client.delete("/v1/memories/m1")
    clock.advance(hours=1)
    await add(client, "I live in Wels.")
    clock.advance(hours=1)
    await client.patch("/v1/memories/m1", json={"content": "I live in Enns."})
    events = await history(client)
    assert [(event["action"], event["old_content"], event["new_content"]) for event in events] == [
        ("ADD", None, None),
        ("UPDATE", None, None),
        ("DELETE", None, None),
        ("ADD", None, "I live in Wels."),
        ("UPDATE", "I live in Wels.", "I live in Enns."),
    ]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


async def test_everything_that_happened_was_done_by_somebody(client: httpx.AsyncClient, clock: ManualClock) -> None:
    await add(client, "I live in Graz.")
    clock.advance(hours=1)
    await client.post("/forget_memory", json={"memory_id": "m1"})
    assert [(event["action"], event["actor"]) for event in await history(client)] == [
        ("ADD", "default"),
        ("DELETE", "default"),
    ]


async def test_what_is_imported_was_added_by_who_imported_it(client: httpx.AsyncClient) -> None:
    await take_in(client, {"content": "I live in Graz.", "user_id": "ada", "id": "m1"})
    assert [(event["action"], event["actor"]) for event in await history(client)] == [("ADD", "default")]


async def test_who_added_a_memory_comes_along_with_an_export(client: httpx.AsyncClient) -> None:
    await add(client, "I live in Graz.")
    exported = (await client.get("/v1/export")).text.replace('"added_by":"default"', '"added_by":"ada"')
    await client.delete("/v1/users/ada")
    await take_in(client, *exported.splitlines())
    assert [(event["action"], event["actor"]) for event in await history(client)] == [("ADD", "ada")]
