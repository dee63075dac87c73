"""Export and import: everything leaves and comes back as it was, plain memories come in, nothing is doubled or lost."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.embedding.model_files import ModelFiles
from memorybank_service.http.access import KeyRing
from memorybank_service.http.app import create_app
from memorybank_service.metrics import Metrics
from memorybank_service.settings import Settings
from memorybank_service.store import NOTHING_ALONG, Along, KeptSummary, NewMemory
from memorybank_service.tenant import Tenant
from tests.service.http.v1.calls import add, call, ended, listed
from tests.service.manual_clock import ManualClock

NDJSON = {"Content-Type": "application/x-ndjson"}
Elsewhere = Callable[[], AbstractAsyncContextManager[tuple[httpx.AsyncClient, Tenant]]]


@pytest.fixture
def elsewhere(
    settings: Settings, model: ModelFiles, clock: ManualClock, tmp_path: Path, client: httpx.AsyncClient
) -> Elsewhere:
    """Another tenant of its own, in another directory."""

    @asynccontextmanager
    async def open_one() -> AsyncIterator[tuple[httpx.AsyncClient, Tenant]]:
        own = replace(settings, data_directory=tmp_path / "elsewhere", tenant_id="elsewhere")
        tenant = Tenant(own, model, Metrics(), clock)
        await tenant.open()
        transport = httpx.ASGITransport(create_app(tenant, KeyRing(own, clock), Metrics()))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://other", headers=client.headers) as other:
                yield other, tenant
        finally:
            await tenant.close()

    return open_one


async def export(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/export", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


async def take_in(client: httpx.AsyncClient, *lines: object, **headers: str) -> dict[str, Any]:
    """The job, once it has ended."""
    body = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    answer = await client.post("/v1/import", content=body, headers={**NDJSON, **headers})
    assert answer.status_code == 202, answer.text
    return await ended(client, answer.json()["id"])


def of_type(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] == kind]


async def live_a_life(client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock) -> None:
    """Memories in every state, with all that can happen to one."""
    await add(client, "Ada lives in Lisbon.", id="m1", user_id="ada", agent_id="a", run_id="r", speaker="Ada")
    await add(client, "Ada takes the night train.", id="m2", user_id="ada", metadata={"tags": ["a", 1]}, importance=0.9)
    await add(client, "nobody's own", id="m3", created_at="2016-03-01T12:00:00Z")
    await add(client, "Ben is pinned.", id="m4", user_id="ben", pinned=True, expires_at="2030-01-01T00:00:00Z")
    await add(client, "to be deleted", id="m5", user_id="ben")
    await call(client, "PATCH", "/v1/memories/m2", {"content": "Ada takes the day train."})
    await call(client, "DELETE", "/v1/memories/m5")
    store = tenant.bank.footing.store
    fact = NewMemory("f1", "Ada lives in Lisbon", clock(), clock(), "ada", kind="fact", sources=["m1"])
    newer = NewMemory("f2", "Ada lives in Porto", clock(), clock(), "ada", kind="fact", supersedes=["f1"])
    gone = NewMemory("f3", "Ada hates tea", clock(), clock(), "ada", kind="fact", sources=["m1"])
    for one in (fact, newer, gone):
        store.add([one], Along(actor="service")).result()
    store.delete(["f3"], clock()).result()
    for _ in range(40):
        clock.advance(hours=1)
        await tenant.bank.beat()
    store.record_recalls([1], clock(), 0.0).result()
    for _ in range(30):
        clock.advance(hours=1)
        await tenant.bank.beat()


def comparable(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] != "memorybank-export"]


async def test_everything_comes_back_as_it_was(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, elsewhere: Elsewhere
) -> None:
    await live_a_life(client, tenant, clock)
    lines = await export(client)
    assert lines[0]["type"] == "memorybank-export"
    assert lines[0]["counts"] == {"memories": 6, "users": 2, "tombstones": 1, "summaries": 0}
    assert lines[0]["space"]["dimension"] == 384
    assert lines[-1] == {"type": "end", "memories": 6, "others": 5}
    clock.advance(days=500)  # on its way: time that nobody could recall anything in
    async with elsewhere() as (other, there):
        clock.advance(hours=2)
        job = await take_in(other, *lines)
        assert job["result"] == {
            "lines": len(lines), "imported": 6, "unchanged": 0, "refused": 0, "errors": [], "complete": True,
        }  # fmt: skip
        back = await export(other)
        for before, after in zip(comparable(lines), comparable(back), strict=True):
            assert after.pop("decay_seconds", 0) == pytest.approx(before.pop("decay_seconds", 0), abs=1.0)
            assert after == before
        assert len(of_type(back, "tombstone")) == 1
        assert there.bank.footing.store.sources(5) == ["m1"]
        assert [event.action for event in there.bank.footing.store.history("m2")] == ["UPDATE"]
        assert [event.action for event in there.bank.footing.store.history("m5")] == ["ADD", "DELETE"]
        assert (await call(other, "GET", "/v1/memories/f1"))["superseded_by"] == "f2"


async def test_what_is_left_of_a_memory_is_the_same_after_the_move(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, elsewhere: Elsewhere
) -> None:
    await live_a_life(client, tenant, clock)
    before = {m: (await tenant.bank.memories.get(m)) for m in ("m1", "m2", "m4", "f2")}
    lines = await export(client)
    async with elsewhere() as (other, there):
        await add(other, "the first here")
        clock.advance(days=30)  # a pause of the other tenant's, which is none of the memories'
        await there.bank.beat()
        await take_in(other, *lines)
        for memory_id, kept in before.items():
            moved = await there.bank.memories.get(memory_id)
            assert kept is not None
            assert moved is not None
            assert moved.retention == pytest.approx(kept.retention, abs=1e-6)
            assert (moved.state, moved.memory.recalls) == (kept.state, kept.memory.recalls)


async def test_vectors_of_our_own_space_are_taken_as_they_are_and_others_made_anew(
    client: httpx.AsyncClient, tenant: Tenant, elsewhere: Elsewhere
) -> None:
    for number in range(3):
        await add(client, f"note {number}", id=f"m{number}")
    first, *rest = await export(client)
    async with elsewhere() as (other, there):
        embedded: list[str] = []
        embed = there.bank.footing.embedder.embed

        def counted(texts: list[str]) -> Any:
            embedded.extend(texts)
            return embed(texts)

        there.bank.footing.embedder.embed = counted  # type: ignore[method-assign, assignment]
        await take_in(other, first, rest[0])
        assert embedded == []
        await take_in(other, {**first, "space": {"name": "other/model", "dimension": 384}}, rest[1])
        await take_in(other, first, {**rest[2], "vector": "AAAA"})
        assert embedded == ["note 1", "note 2"]
        assert await there.bank.embeddings.length() == 0
        assert [line["vector"] for line in of_type(await export(other), "memory")] == [
            line["vector"] for line in of_type(rest, "memory")
        ]


async def test_what_a_model_made_comes_along_and_is_not_asked_for_again(
    client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock, elsewhere: Elsewhere
) -> None:
    """Of the days only that is due on which something was said that the model had not read."""
    await add(client, "I have moved to Vienna.", id="m1", user_id="ada")
    await add(client, "I have a cat.", id="m2", user_id="ada", created_at="2027-01-10T12:00:00Z")
    clock.advance(hours=1)
    people, made = tenant.bank.footing.store.people, []
    for day, source in (("2027-01-15", "m1"), ("2027-01-10", "m2")):
        made.append(KeptSummary("day", day, f"Of {source}.", (source,), "test/scripted", clock()))
    made.append(KeptSummary("overall", "", "All.", ("2027-01-10", "2027-01-15"), "test/scripted", clock()))
    people.write("ada", made, clock(), NOTHING_ALONG).result()
    await add(client, "And a dog.", id="m3", user_id="ada", created_at="2027-01-10T13:00:00Z")
    lines = await export(client)
    assert [line["kind"] for line in of_type(lines, "summary")] == ["day", "day", "overall"]
    async with elsewhere() as (other, there):
        await take_in(other, *lines)
        assert of_type(await export(other), "summary") == of_type(lines, "summary")
        due = there.bank.footing.store.people.due("2027-01-17", 0.0, 10)
        assert [entry.day for entry in due] == ["2027-01-10"]


async def test_a_summary_that_can_be_none_is_refused(client: httpx.AsyncClient) -> None:
    made = {"type": "summary", "user_id": "ada", "text": "x", "model": "m", "made_at": "2027-01-15T08:00:00Z"}
    job = await take_in(
        client,
        made | {"kind": "day", "day": "2027-01-15", "source_ids": ["m1"]},
        made | {"kind": "overall", "day": "", "source_ids": ["2027-01-15"]},
        made | {"kind": "day", "day": "", "source_ids": ["m1"]},
        made | {"kind": "overall", "day": "2027-01-15", "source_ids": ["2027-01-15"]},
        made | {"kind": "portrait", "day": "", "source_ids": ["m1"]},
        made | {"kind": "insight", "day": "2027-01-15", "source_ids": []},
        made | {"kind": "insight", "day": "2027-02-30", "source_ids": ["m1"]},
        made | {"kind": "poem", "day": "2027-01-15", "source_ids": ["m1"]},
    )
    assert [error["line"] for error in job["result"]["errors"]] == [3, 4, 5, 6, 7, 8]
    assert len(of_type(await export(client), "summary")) == 2


async def test_taking_in_twice_changes_nothing(client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock) -> None:
    await live_a_life(client, tenant, clock)
    lines = await export(client)
    job = await take_in(client, *lines)
    assert (job["result"]["imported"], job["result"]["unchanged"], job["result"]["refused"]) == (0, 6, 0)
    assert comparable(await export(client)) == comparable(lines)


async def test_one_user_s_data_are_theirs_alone(client: httpx.AsyncClient, tenant: Tenant, clock: ManualClock) -> None:
    await live_a_life(client, tenant, clock)
    lines = await export(client, user_id="ada")
    assert {line.get("user_id", "ada") for line in lines} == {"ada"}
    assert [line["id"] for line in of_type(lines, "memory")] == ["m1", "m2", "f1", "f2"]
    assert lines[0]["counts"] == {"memories": 4, "users": 1, "tombstones": 1, "summaries": 0}
    assert [line["type"] for line in await export(client, user_id="nobody")] == ["memorybank-export", "end"]
    assert len(of_type(await export(client, user_id="*"), "memory")) == 6


async def test_plain_memories_come_in_as_they_are_added(client: httpx.AsyncClient, clock: ManualClock) -> None:
    job = await take_in(
        client,
        {"content": "said ten years ago", "user_id": "ada", "created_at": "2016-01-01T00:00:00Z"},
        {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}], "user_id": "ada"},
        {"content": "with an id", "id": "m1", "user_id": "ada", "metadata": {"k": 1}, "importance": 0.2},
    )
    assert job["result"]["imported"] == 4
    assert job["result"]["complete"] is None
    assert sorted(await listed(client, user_id="ada")) == ["Hello", "Hi", "said ten years ago", "with an id"]
    [old] = [
        m for m in (await call(client, "GET", "/v1/memories", user_id="ada"))["results"] if "years" in m["content"]
    ]
    assert (old["created_at"], old["state"]) == ("2016-01-01T00:00:00.000Z", "active")  # it arrived just now


async def test_each_line_that_is_refused_is_told_and_keeps_no_other_out(client: httpx.AsyncClient) -> None:
    await add(client, "is mine", id="taken", user_id="ben")
    job = await take_in(
        client,
        {"content": "good"},
        "not json at all",
        {"content": "", "user_id": "ada"},
        "",
        {"content": "x", "importance": 7},
        ["a list"],
        {"type": "poem"},
        {"content": "another", "id": "taken", "user_id": "ada"},
        json.dumps({"content": "y" * (600 << 10)}),
        {"type": "memory", "id": "half"},
        {"content": "good too", "unknown": 1},
        {"content": "the last"},
    )
    result = job["result"]
    assert (job["state"], result["imported"], result["refused"], result["lines"]) == ("succeeded", 2, 9, 12)
    assert [(error["line"], error["field"]) for error in result["errors"]] == [
        (2, "line"), (3, "content"), (5, "importance"), (6, "line"), (7, "type"), (8, "id"), (9, "line"),
        (10, "content"), (11, "unknown"),
    ]  # fmt: skip
    assert result["errors"][0]["message"] == "is not valid JSON"
    assert "belongs to another memory" in result["errors"][5]["message"]
    assert sorted(await listed(client)) == ["good", "the last"]


async def test_of_many_errors_the_first_hundred_are_told(client: httpx.AsyncClient) -> None:
    job = await take_in(client, *(["broken"] * 250))
    assert (job["result"]["refused"], len(job["result"]["errors"])) == (250, 100)


async def test_an_export_that_was_broken_off_is_told(client: httpx.AsyncClient) -> None:
    await add(client, "one", id="m1")
    await add(client, "two", id="m2")
    *lines, _ = await export(client)
    assert (await take_in(client, *lines))["result"]["complete"] is False


async def test_nothing_to_take_in_and_exports_of_a_later_form_are_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/import", content=b"")).status_code == 422
    first = {"type": "memorybank-export", "version": 2, "space": {"name": "x", "dimension": 1}}
    assert (await take_in(client, first))["result"]["errors"][0]["field"] == "version"


async def test_sent_again_under_one_key_it_is_one_job(client: httpx.AsyncClient) -> None:
    first = await take_in(client, {"content": "once"}, **{"Idempotency-Key": "k1"})
    second = await take_in(client, {"content": "once"}, **{"Idempotency-Key": "k1"})
    assert first["id"] == second["id"]
    assert await listed(client) == ["once"]
    await take_in(client, {"content": "once"}, **{"Idempotency-Key": "k2"})
    assert await listed(client) == ["once", "once"]


async def test_what_is_taken_in_leaves_no_file_behind(client: httpx.AsyncClient, settings: Settings) -> None:
    await take_in(client, {"content": "one"})
    assert list((settings.data_directory / "imports").iterdir()) == []
