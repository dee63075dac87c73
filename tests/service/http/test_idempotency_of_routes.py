"""Whatever changes something is done once under one Idempotency-Key, whichever route it comes by."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from memorybank_service.settings import Settings
from memorybank_service.store import NewJob
from memorybank_service.tenant import Tenant
from tests.service.http.learning import settings_with
from tests.service.http.v1.calls import add, call, ended, listed
from tests.service.manual_clock import ManualClock
from tests.service.provider import Provider, refuses, says

Send = Callable[..., Awaitable[httpx.Response]]
KEY = {"Idempotency-Key": "k1"}
WRITES = [
    ("POST", "/store_memory", {"content": "Ada likes tea."}),
    ("POST", "/forget_memory", {"memory_id": "m1"}),
    ("POST", "/run_forgetting_curve", None),
    ("POST", "/v1/memories", {"content": "Ada likes tea.", "user_id": "ada"}),
    ("POST", "/v1/memories/batch", {"memories": [{"content": "Ada likes tea."}]}),
    ("PATCH", "/v1/memories/m1", {"content": "I live in Porto now."}),
    ("DELETE", "/v1/memories/m1", None),
    ("PUT", "/v1/memories/m1/pin", None),
    ("DELETE", "/v1/memories/m1/pin", None),
    ("POST", "/v1/memories/m1/restore", None),
    ("POST", "/v1/forgetting/run", {"dry_run": False}),
    ("POST", "/v1/maintenance", None),
    ("POST", "/v1/reembed", None),
    ("POST", "/v1/backup", None),
    ("POST", "/v1/jobs/waiting/cancel", None),
    ("POST", "/v1/jobs/cancelled/retry", None),
    ("DELETE", "/v1/users/ada?backups=delete", None),
    ("POST", "/v3/memories/add/", {"messages": "Ada likes tea.", "user_id": "ada"}),
    ("PUT", "/v1/memories/m1/", {"text": "I live in Porto now."}),
    ("DELETE", "/v1/memories/m1/?delete_linked=true", None),
    ("DELETE", "/v1/memories/?user_id=ada", None),
    ("PUT", "/v1/batch/", {"memories": [{"memory_id": "m1", "text": "I live in Porto now."}]}),
    ("DELETE", "/v1/batch/", {"memories": [{"memory_id": "m1"}]}),
    ("DELETE", "/v2/entities/user/ada/", None),
]


@pytest.fixture
async def send(client: httpx.AsyncClient, tenant: Tenant) -> Send:
    await add(client, "I live in Lisbon.", user_id="ada", id="m1")
    await add(client, "I grow tomatoes.", user_id="ada", id="m2")
    await tenant.bank.jobs.enqueue(NewJob("nobody-does-it", id="waiting"))
    await tenant.bank.jobs.enqueue(NewJob("nobody-does-it", id="cancelled"))
    await tenant.bank.jobs.cancel("cancelled")

    async def send(method: str, path: str, body: object, more: bytes = b"") -> httpx.Response:
        content = (b"" if body is None else json.dumps(body).encode()) + more
        headers = {**KEY, "Content-Type": "application/json"}
        return await client.request(method, path, content=content, headers=headers)

    return send


async def all_there_is(client: httpx.AsyncClient) -> list[Any]:
    """What a second effect would change."""
    memories = (await call(client, "GET", "/v1/memories", user_id="*"))["results"]
    histories = [await call(client, "GET", f"/v1/memories/{memory['id']}/history") for memory in memories]
    jobs = [job["id"] for job in (await call(client, "GET", "/v1/jobs"))["results"]]
    runs = [job["last_run"] for job in (await call(client, "GET", "/scheduler_status"))["jobs"]]
    erasures = (await call(client, "GET", "/v1/erasures"))["results"]
    return [[memory["id"] for memory in memories], histories, jobs, runs, erasures]


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_change_that_is_sent_again_is_answered_again_and_not_made_again(
    client: httpx.AsyncClient, clock: ManualClock, send: Send, method: str, path: str, body: object
) -> None:
    first = await send(method, path, body)
    assert first.is_success, first.text
    if first.json().get("kind") in ("maintenance", "reembed", "backup"):
        await ended(client, first.json()["id"])
    done = await all_there_is(client)
    clock.advance(hours=1)
    again = await send(method, path, body)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await all_there_is(client) == done
    other = await send(method, path, body, more=b" ")
    assert (other.status_code, other.json()["type"]) == (422, "urn:memorybank:problem:idempotency-key-reused")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/memories/batch", {"memories": [{"content": f"Number {number}."} for number in range(20)]}),
        ("DELETE", "/v1/users/ada", None),
        ("POST", "/v1/backup", None),
        ("POST", "/run_forgetting_curve", None),
    ],
)
async def test_of_two_changes_at_the_same_time_one_is_told_to_come_again(
    send: Send, method: str, path: str, body: object
) -> None:
    answers = await asyncio.gather(*(send(method, path, body) for _ in range(3)))
    [first, *others] = sorted(answers, key=lambda answer: answer.status_code)
    assert first.is_success
    assert {(answer.status_code, answer.json()["type"]) for answer in others if not answer.is_success} == {
        (409, "urn:memorybank:problem:request-under-way")
    }
    assert all(answer.content == first.content for answer in others if answer.is_success)


async def test_reembedding_that_runs_already_answers_with_the_same_job_again(
    client: httpx.AsyncClient, send: Send, tenant: Tenant
) -> None:
    first = await send("POST", "/v1/reembed", None)
    await ended(client, first.json()["id"])
    another = await call(client, "POST", "/v1/reembed", status=202)
    assert another["id"] != first.json()["id"]
    assert (await send("POST", "/v1/reembed", None)).json()["id"] == first.json()["id"]


async def test_a_backup_is_deleted_once(client: httpx.AsyncClient) -> None:
    job = await ended(client, (await call(client, "POST", "/v1/backup", status=202))["id"])
    path = f"/v1/backups/{job['result']['backup_id']}"
    first = await client.delete(path, headers=KEY)
    again = await client.delete(path, headers=KEY)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
    assert (await client.delete(path)).status_code == 404


async def test_receipts_are_taken_in_once(client: httpx.AsyncClient, send: Send) -> None:
    await send("DELETE", "/v1/users/ada", None)
    erasures = (await call(client, "GET", "/v1/erasures"))["results"]
    first = await client.post("/v1/erasures", json={"erasures": erasures}, headers=KEY)
    await add(client, "I am back.", user_id="ada")
    again = await client.post("/v1/erasures", json={"erasures": erasures}, headers=KEY)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
    assert await listed(client, user_id="ada") == ["I am back."]


async def test_an_answer_outlives_the_erasure_of_somebody_else_where_it_shows_nobody(
    client: httpx.AsyncClient, send: Send
) -> None:
    first = await send("POST", "/v1/backup", None)
    await ended(client, first.json()["id"])
    await call(client, "DELETE", "/v1/users/ada")
    assert (await send("POST", "/v1/backup", None)).json()["id"] == first.json()["id"]


async def test_an_upload_is_taken_in_once_and_another_one_under_its_key_is_refused(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    first = await client.post("/v1/import", content=b'{"content": "once"}', headers=KEY)
    await ended(client, first.json()["id"])
    again = await client.post("/v1/import", content=b'{"content": "once"}', headers=KEY)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (202, first.content)
    other = await client.post("/v1/import", content=b'{"content": "twice"}', headers=KEY)
    assert (other.status_code, other.json()["type"]) == (422, "urn:memorybank:problem:idempotency-key-reused")
    assert await listed(client) == ["once"]
    assert list((settings.data_directory / "imports").iterdir()) == []


class TestWithAModel:
    @pytest.fixture
    def settings(self, provider: Provider, tmp_path: Path) -> Settings:
        return settings_with(provider, tmp_path)

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/chat", {"query": "Which tea do I like?", "metadata": {"user_id": "ada"}}),
            (
                "/v1/chat/completions",
                {"model": "m1", "user": "ada", "messages": [{"role": "user", "content": "Which tea do I like?"}]},
            ),
        ],
    )
    async def test_a_chat_is_answered_again_without_asking_the_model(
        self, client: httpx.AsyncClient, provider: Provider, path: str, body: dict[str, object]
    ) -> None:
        provider.answer(refuses(500))
        assert (await client.post(path, json=body, headers=KEY)).status_code in (502, 503)
        asked = len(provider.chats)
        provider.answer(says("Lapsang souchong."))
        first = await client.post(path, json=body, headers=KEY)
        provider.answer(says("Something else."))
        again = await client.post(path, json=body, headers=KEY)
        assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert len(provider.chats) == asked + 1
        assert await listed(client, user_id="ada") == ["Lapsang souchong.", "Which tea do I like?"]
        other = await client.post(path, json={**body, "model": "m2"}, headers=KEY)
        assert other.status_code == 422

    async def test_an_answer_is_never_given_to_another_user_that_a_header_names(
        self, client: httpx.AsyncClient, provider: Provider
    ) -> None:
        provider.answer(says("Lapsang souchong, Ada."))
        body = {"model": "m1", "messages": [{"role": "user", "content": "Which tea do I like?"}]}
        ada, ben = ({**KEY, "X-MemoryBank-User": user} for user in ("ada", "ben"))
        assert (await client.post("/v1/chat/completions", json=body, headers=ada)).status_code == 200
        assert (await client.post("/v1/chat/completions", json=body, headers=ada)).status_code == 200
        assert (await client.post("/v1/chat/completions", json=body, headers=ben)).status_code == 422

    async def test_a_chat_under_way_is_not_begun_again(self, client: httpx.AsyncClient, provider: Provider) -> None:
        provider.answer(says("Lapsang souchong."))
        body = {"query": "Which tea do I like?", "metadata": {"user_id": "ada"}}
        answers = await asyncio.gather(*(client.post("/chat", json=body, headers=KEY) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        assert len(provider.chats) == 1
