from typing import Any

import httpx
import pytest

from memorybank_service.memory.context import strip_recalled
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call
from tests.service.manual_clock import ManualClock


async def found(client: httpx.AsyncClient, query: str, **rest: Any) -> list[dict[str, Any]]:
    answer = await call(client, "POST", "/v1/search", {"query": query, **rest})
    assert answer["degraded"] == []
    results: list[dict[str, Any]] = answer["results"]
    return results


async def contents(client: httpx.AsyncClient, query: str, **rest: Any) -> list[str]:
    return [memory["content"] for memory in await found(client, query, **rest)]


async def test_a_result_is_the_memory_with_its_figures(client: httpx.AsyncClient) -> None:
    added = await add(client, "Ada likes lapsang souchong.", user_id="ada", metadata={"topic": "tea"})
    [result] = await found(client, "Which tea does Ada like?", user_id="ada")
    for name in added.keys() - {"is_new", "degraded"}:
        assert result[name] == added[name]
    assert 0.25 < result["similarity"] <= 1
    assert result["retention"] == 1.0
    assert result["score"] > 0
    assert not {"explain", "neighbors"} & result.keys()


async def test_memories_without_a_user_are_found_without_one(client: httpx.AsyncClient) -> None:
    await add(client, "tea of nobody")
    await add(client, "tea of Ada", user_id="ada")
    assert await contents(client, "tea") == ["tea of nobody"]
    assert await contents(client, "tea", user_id="ada") == ["tea of Ada"]
    assert len(await contents(client, "tea", user_id="*")) == 2


async def test_agent_and_run_narrow_a_search(client: httpx.AsyncClient) -> None:
    for agent_id, run_id in (("a1", "s1"), ("a1", "s2"), ("a2", "s1"), (None, None)):
        await add(client, f"tea {agent_id} {run_id}", agent_id=agent_id, run_id=run_id)
    assert len(await contents(client, "tea")) == 4
    assert sorted(await contents(client, "tea", agent_id="a1")) == ["tea a1 s1", "tea a1 s2"]
    assert sorted(await contents(client, "tea", run_id="s1")) == ["tea a1 s1", "tea a2 s1"]
    assert await contents(client, "tea", agent_id="a1", session_id="s2") == ["tea a1 s2"]
    assert await contents(client, "tea", agent_id="a3") == []


async def test_filters_hold_before_the_cut_to_top_k(client: httpx.AsyncClient) -> None:
    members = [{"content": f"tea number {number}", "metadata": {"n": number}} for number in range(30)]
    await call(client, "POST", "/v1/memories/batch", {"memories": members}, status=201)
    last = {"OR": [{"metadata": {"n": {"gte": 28}}}, {"n": 3}], "NOT": {"n": 29}}
    assert sorted(await contents(client, "tea number 1", filters=last, top_k=2)) == ["tea number 28", "tea number 3"]
    assert await contents(client, "tea", filters={"content": {"icontains": "NUMBER 17"}}) == ["tea number 17"]
    assert await contents(client, "tea", filters={"n": {"in": [5, "6"]}}) == ["tea number 5"]
    assert len(await contents(client, "tea", filters={"created_at": "2027-01-15"}, top_k=100)) == 30
    assert await contents(client, "tea", filters={"created_at": {"gt": "2027-01-15"}}) == []


async def test_filters_never_widen_the_scope(client: httpx.AsyncClient) -> None:
    await add(client, "tea of Ada", user_id="ada")
    assert await contents(client, "tea", user_id="ben", filters={"user_id": "ada"}) == []
    assert await contents(client, "tea", user_id="ben", filters={"OR": [{"user_id": "ada"}, {"NOT": {"a": 1}}]}) == []


async def test_a_threshold_keeps_out_what_is_not_alike(client: httpx.AsyncClient) -> None:
    await add(client, "Ada likes lapsang souchong tea.")
    await add(client, "The invoice is overdue.")
    assert len(await contents(client, "tea that Ada likes")) == 2
    assert await contents(client, "tea that Ada likes", threshold=0.4) == ["Ada likes lapsang souchong tea."]
    assert await contents(client, "tea that Ada likes", threshold=1.0) == []


async def test_a_date_in_the_query_counts_from_the_reference_date(client: httpx.AsyncClient) -> None:
    await add(client, "We met at the station.", created_at="2023-05-08T13:56:00Z")
    await add(client, "We met at the station.", created_at="2023-06-20T13:56:00Z")
    for date, first in (("2023-05-09", "2023-05"), ("2023-06-21T00:00:00Z", "2023-06")):
        best = (await found(client, "Where did we meet yesterday?", reference_date=date))[0]
        assert best["created_at"].startswith(first)


async def test_other_states_are_found_on_request_only(client: httpx.AsyncClient) -> None:
    await add(client, "tea now")
    await add(client, "tea once", expires_at="2020-01-01T00:00:00Z")
    assert await contents(client, "tea") == ["tea now"]
    assert sorted(await contents(client, "tea", include=["expired"])) == ["tea now", "tea once"]


async def test_neighbors_are_what_was_said_around_a_result(client: httpx.AsyncClient) -> None:
    said = ["Hello.", "Where do you live?", "In Lisbon.", "Nice!", "Bye."]
    messages = [{"role": "user", "content": text} for text in said]
    await call(client, "POST", "/v1/memories", {"messages": messages, "run_id": "s1"}, status=201)
    wide = (await found(client, "Lisbon", neighbors=2, top_k=1))[0]
    assert [neighbor["content"] for neighbor in wide["neighbors"]] == ["Hello.", "Where do you live?", "Nice!", "Bye."]
    near = (await found(client, "Lisbon", include=["neighbors"], top_k=1))[0]
    assert [neighbor["content"] for neighbor in near["neighbors"]] == ["Where do you live?", "Nice!"]


async def test_an_explained_score_is_the_sum_of_its_parts(client: httpx.AsyncClient) -> None:
    await add(client, "Ada likes lapsang souchong.", speaker="Ada")
    [result] = await found(client, "What does Ada like?", explain=True)
    assert sum(result["explain"].values()) == pytest.approx(result["score"], abs=1e-5)


async def test_results_become_stronger_unless_that_is_not_wanted(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock
) -> None:
    await add(client, "Ada likes lapsang souchong.", id="m1")
    clock.advance(hours=0.5)
    for reinforce, path, recalls in (
        (False, "/v1/search", 0),
        (False, "/v1/context", 0),
        (True, "/v1/search", 1),
        (True, "/v1/context", 1),  # within the hour
    ):
        await call(client, "POST", path, {"query": "What does Ada like?", "reinforce": reinforce})
        memory = tenant.bank.footing.store.find("m1")
        assert memory is not None
        assert memory.recalls == recalls
    [result] = await found(client, "What does Ada like?")
    assert result["retention"] == 1.0


async def test_the_context_is_a_dated_text_within_its_budget(client: httpx.AsyncClient) -> None:
    await add(client, "I moved to Lisbon.", speaker="Ada", user_id="ada", created_at="2026-02-01T09:30:00Z")
    await add(client, "I live in Graz.", speaker="Ada", user_id="ada", created_at="2025-01-01T08:00:00Z")
    body = {"query": "Where does Ada live?", "user_id": "ada", "max_tokens": 200}
    context = await call(client, "POST", "/v1/context", body)
    assert context["text"] == (
        "<memories>\n[2025-01-01 08:00] Ada: I live in Graz.\n[2026-02-01 09:30] Ada: I moved to Lisbon.\n</memories>"
    )
    assert [memory["content"] for memory in context["memories"]] == ["I live in Graz.", "I moved to Lisbon."]
    assert 20 < context["tokens"] <= 200
    assert strip_recalled(context["text"]) == ""
    small = await call(client, "POST", "/v1/context", {**body, "max_tokens": 30})
    assert len(small["memories"]) == 1
    empty = await call(client, "POST", "/v1/context", {**body, "user_id": "ben"})
    assert (empty["text"], empty["memories"], empty["tokens"]) == ("", [], 0)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "query", "Field required"),
        ({"query": " "}, "query", "must not be empty"),
        ({"query": "a", "top_k": 101}, "top_k", "less than or equal to 100"),
        ({"query": "a", "top_k": "5"}, "top_k", "valid integer"),
        ({"query": "a", "topk": 5}, "topk", "is not a field of this request"),
        ({"query": "a", "threshold": 1.1}, "threshold", "less than or equal to 1"),
        ({"query": "a", "include": ["active"]}, "include.0", "'faded'"),
        ({"query": "a", "neighbors": 6}, "neighbors", "less than or equal to 5"),
        ({"query": "a", "reference_date": "yesterday"}, "reference_date", "RFC 3339"),
        ({"query": "a", "filters": []}, "filters", "filters must be an object"),
        ({"query": "a", "filters": {"a": {"like": 1}}}, "filters", "filters.a takes contains"),
        ({"query": "a", "run_id": "a", "session_id": "b"}, "body", "the same thing"),
    ],
)
async def test_a_bad_search_is_refused_and_the_field_is_named(
    client: httpx.AsyncClient, body: dict[str, Any], field: str, message: str
) -> None:
    answer = await client.post("/v1/search", json=body)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


async def test_lists_take_filters_too(client: httpx.AsyncClient) -> None:
    await add(client, "tea", metadata={"n": 1})
    await add(client, "coffee", metadata={"n": 2})
    page = await call(client, "GET", "/v1/memories", filters='{"n": {"gt": 1}}')
    assert ([memory["content"] for memory in page["results"]], page["total"]) == (["coffee"], 1)
    for bad in ("{", "[]", '{"n": {"gt": null}}', "[" * 10_000, "x" * 20_000):
        assert (await client.get("/v1/memories", params={"filters": bad})).status_code == 422
