from typing import Any

import httpx

from tests.service.http.v1.calls import add, call


async def test_users_are_counted_in_the_order_of_their_ids(client: httpx.AsyncClient) -> None:
    for user_id in ("ben", "ada", "ada", None, "日本", "a/b"):
        await add(client, "tea", user_id=user_id)
    answer = await call(client, "GET", "/v1/users")
    assert [(user["user_id"], user["memories"]) for user in answer["results"]] == [
        ("a/b", 1),
        ("ada", 2),
        ("ben", 1),
        ("日本", 1),
    ]
    assert answer["next_cursor"] is None


async def test_users_come_page_by_page(client: httpx.AsyncClient) -> None:
    members = [{"content": "tea", "user_id": f"u{number}"} for number in range(5)]
    await call(client, "POST", "/v1/memories/batch", {"memories": members}, status=201)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while "cursor" not in query or query["cursor"] is not None:
        page = await call(client, "GET", "/v1/users", **query)
        seen += [user["user_id"] for user in page["results"]]
        query["cursor"] = page["next_cursor"]
    assert seen == ["u0", "u1", "u2", "u3", "u4"]


async def test_a_user_without_memories_is_no_user(client: httpx.AsyncClient) -> None:
    await add(client, "tea", id="m1", user_id="ada")
    await call(client, "DELETE", "/v1/memories/m1")
    assert (await call(client, "GET", "/v1/users"))["results"] == []
