import httpx
import pytest

from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.tenant import Tenant
from tests.service.manual_clock import ManualClock
from tests.service.store.test_sqlite_store import fill_up


async def store(client: httpx.AsyncClient, content: str, **metadata: object) -> str:
    answer = await client.post("/store_memory", json={"content": content, "metadata": metadata})
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "stored"
    return str(answer.json()["memory_id"])


async def retrieve(client: httpx.AsyncClient, query: str, **rest: object) -> list[dict[str, object]]:
    answer = await client.post("/retrieve_memory", json={"query": query, **rest})
    assert answer.status_code == 200, answer.text
    memories: list[dict[str, object]] = answer.json()["memories"]
    return memories


async def test_a_stored_memory_comes_back_with_all_that_was_given(client: httpx.AsyncClient) -> None:
    metadata = {"user_id": "ada", "session_id": "s1", "category": "taste", "tags": ["tea"], "deep": {"a": [1, None]}}
    memory_id = await store(client, "Ada likes lapsang souchong.", **metadata)
    [memory] = await retrieve(client, "Which tea does Ada like?")
    score = memory.pop("score")
    assert memory == {
        "memory_id": memory_id,
        "content": "Ada likes lapsang souchong.",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "metadata": metadata,
        "importance": 0.5,
        "access_count": 0,
    }
    assert isinstance(score, float)


async def test_metadata_is_an_object_even_if_none_was_given(client: httpx.AsyncClient) -> None:
    for body in ({"content": "a"}, {"content": "b", "metadata": None}):
        assert (await client.post("/store_memory", json=body)).status_code == 200
    assert [memory["metadata"] for memory in await retrieve(client, "a")] == [{}, {}]


async def test_an_answer_has_three_memories_unless_told_otherwise(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await store(client, f"note {number}")
    assert len(await retrieve(client, "note")) == 3
    assert len(await retrieve(client, "note", top_k=5)) == 5
    assert len(await retrieve(client, "note", top_k=1)) == 1


async def test_metadata_narrow_a_search_to_what_equals_them(client: httpx.AsyncClient) -> None:
    await store(client, "tea", user_id="ada", session_id="s1", tags=["a", "b"])
    await store(client, "tea", user_id="ada", session_id="s2", tags=["a"])
    await store(client, "tea", user_id="ben", session_id="s1")

    async def count(**metadata: object) -> int:
        return len(await retrieve(client, "tea", metadata=metadata))

    assert await count() == 3
    assert await count(user_id="ada") == 2
    assert await count(session_id="s1") == 2
    assert await count(user_id="ada", session_id="s1") == 1
    assert await count(tags=["a"]) == 2
    assert await count(tags=["b"], user_id="ben") == 0


async def test_a_retrieved_memory_counts_as_recalled(client: httpx.AsyncClient) -> None:
    await store(client, "Ada likes lapsang souchong.")
    await retrieve(client, "Which tea does Ada like?")
    [memory] = await retrieve(client, "Which tea does Ada like?")
    assert memory["access_count"] == 1


async def test_a_forgotten_memory_is_gone_and_cannot_be_forgotten_again(client: httpx.AsyncClient) -> None:
    memory_id = await store(client, "Ada likes tea.")
    answer = await client.post("/forget_memory", json={"memory_id": memory_id})
    assert answer.json() == {"status": "deleted", "memory_id": memory_id}
    assert await retrieve(client, "tea") == []
    again = await client.post("/forget_memory", json={"memory_id": memory_id})
    assert again.status_code == 404
    assert again.json()["type"] == "urn:memorybank:problem:not-found"


async def test_the_stats_count_and_date_the_memories(client: httpx.AsyncClient, clock: ManualClock) -> None:
    empty = (await client.get("/memory_stats")).json()
    assert (empty["total_memories"], empty["oldest_memory"], empty["avg_importance"]) == (0, None, None)
    await store(client, "one")
    clock.advance(hours=1)
    await store(client, "two")
    stats = (await client.get("/memory_stats")).json()
    assert stats["total_memories"] == stats["active_memories"] == 2
    assert stats["oldest_memory"] == "2027-01-15T08:00:00.000Z"
    assert stats["newest_memory"] == "2027-01-15T09:00:00.000Z"
    assert (stats["avg_importance"], stats["embedding_provider"]) == (0.5, "local")


async def test_the_forgetting_can_be_run_and_the_scheduler_knows(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/run_forgetting_curve")).json()
    assert answer == {"status": "completed", "timestamp": "2027-01-15T08:00:00.000Z", "faded": 0, "purged": 0}
    jobs = (await client.get("/scheduler_status")).json()["jobs"]
    assert [(job["id"], job["trigger"]) for job in jobs] == [
        ("forgetting", "every 24 hours"),
        ("maintenance", "every 168 hours"),
    ]
    assert jobs[0]["last_run"] == "2027-01-15T08:00:00.000Z"
    assert jobs[0]["last_result"] == "0 faded, 0 purged"
    assert jobs[0]["next_run"] == "2027-01-16T08:00:00.000Z"


@pytest.mark.parametrize(
    ("path", "body", "field", "message"),
    [
        ("/store_memory", {}, "content", "Field required"),
        ("/store_memory", {"content": ""}, "content", "must not be empty"),
        ("/store_memory", {"content": 5}, "content", "valid string"),
        ("/store_memory", {"content": "é" * 16_385}, "content", "at most 32768 bytes in UTF-8, not 32770"),
        ("/store_memory", {"content": "a", "metadata": []}, "metadata", "valid dictionary"),
        ("/store_memory", {"content": "a", "metadata": {"user_id": 7}}, "metadata", "user_id must be a text"),
        ("/store_memory", {"content": "a", "metadata": {"": 7}}, "metadata", "1 to 128 characters"),
        ("/store_memory", {"content": "a", "metadata": {"k": "v" * 16_384}}, "metadata", "at most 16384 bytes"),
        ("/store_memory", {"content": "a", "metadata": {str(n): 1 for n in range(65)}}, "metadata", "at most 64"),
        ("/store_memory", {"content": "a", "metadata": {"k": [[[[[[[[1]]]]]]]]}}, "metadata", "8 levels"),
        ("/retrieve_memory", {"query": "a", "top_k": 0}, "top_k", "greater than or equal to 1"),
        ("/retrieve_memory", {"query": "a", "top_k": 101}, "top_k", "less than or equal to 100"),
        ("/retrieve_memory", {"query": "a", "top_k": "3"}, "top_k", "valid integer"),
        ("/retrieve_memory", {"query": "a", "metadata": {"k": {"$gt": 1}}}, "metadata", "k must be a text"),
        ("/retrieve_memory", {"query": "a", "metadata": {"k": 2**63}}, "metadata", "at most 64 bits"),
        ("/retrieve_memory", {"query": "a", "metadata": {"k": list(range(65))}}, "metadata", "at most 64 values"),
        ("/forget_memory", {"memory_id": "x" * 257}, "memory_id", "at most 256 characters"),
    ],
)
async def test_bad_input_is_refused_with_its_field_and_what_is_allowed(
    client: httpx.AsyncClient, path: str, body: object, field: str, message: str
) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert (problem["type"], problem["status"]) == ("urn:memorybank:problem:invalid-request", 422)
    assert problem["errors"][0]["field"] == field
    assert message in problem["errors"][0]["message"]
    assert problem["detail"].endswith(".")
    assert len(answer.content) < 2_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b'{"content": "\\ud800"}', 422),
        (b'{"content": "a", "metadata": {"k": NaN}}', 422),
        (b'{"content": NaN}', 422),
        (b'{"content": 1e999}', 422),
        (b'{"content": "a", "metadata": {"k": "\\ud800"}}', 422),
        (b"[" * 100_000, 400),
    ],
)
async def test_a_malformed_body_is_refused_and_not_an_accident(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await client.post("/store_memory", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].endswith(".")


async def test_a_body_that_does_not_say_it_is_json_is_told_how_to(client: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says unless told otherwise
    answer = await client.post("/store_memory", content=b'{"content": "a"}', headers=form)
    assert answer.status_code == 415
    assert "`Content-Type: application/json`" in answer.json()["detail"]


async def test_the_longest_filter_is_answered(client: httpx.AsyncClient) -> None:
    await store(client, "tea", **{f"k{number}": list(range(64)) for number in range(30)})
    wanted = {f"k{number}": list(range(64)) for number in range(30)}
    assert len(await retrieve(client, "tea", metadata=wanted)) == 1


async def test_odd_but_valid_texts_are_kept_to_the_letter(client: httpx.AsyncClient) -> None:
    for content in ("nul \x00 inside", "😀" * 100, "'; DROP TABLE memory; --", "\u202eright to left"):
        memory_id = await store(client, content, user_id=content[:10])
        [memory] = await retrieve(client, content, metadata={"user_id": content[:10]})
        assert (memory["memory_id"], memory["content"]) == (memory_id, content)


async def test_probes_need_no_key(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    assert (await client.get("/livez")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    health = (await client.get("/health")).json()
    assert (health["status"], health["tenant_id"]) == ("healthy", "default")
    assert health["timestamp"].endswith("Z")


async def test_before_it_is_open_it_lives_and_is_not_ready(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await tenant.close()
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503
    answer = await client.post("/store_memory", json={"content": "a"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_unknown_paths_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert missing.json()["detail"] == "There is nothing at /nothing."
    wrong = await client.get("/store_memory")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "urn:memorybank:problem:method-not-allowed")


async def test_on_a_full_volume_storing_is_refused_and_searching_goes_on(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    memory_id = await store(client, "Ada likes tea.")
    full = tenant.bank.footing.store
    assert isinstance(full, SqliteStore)
    fill_up(full)
    answer = await client.post("/store_memory", json={"content": "long " * 6_000})
    assert (answer.status_code, answer.json()["type"]) == (507, "urn:memorybank:problem:volume-full")
    assert [memory["memory_id"] for memory in await retrieve(client, "tea")] == [memory_id]
    assert (await client.post("/forget_memory", json={"memory_id": memory_id})).status_code == 200
