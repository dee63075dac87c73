"""What the log says of administrative calls, and the id by which a request is found in it."""

import logging

import httpx
import pytest

from tests.service.conftest import KEY


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [vars(record) for record in caplog.records if record.name == "memorybank_service.audit"]


async def test_administrative_calls_are_told_and_others_are_not(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.post("/store_memory", json={"content": "Ada's pin is 1234"})
    await client.post("/run_forgetting_curve", headers={"X-Request-Id": "abc-7"})
    [line] = audited(caplog)
    assert (line["key"], line["method"], line["route"], line["status"], line["request_id"]) == (
        "default",
        "POST",
        "/run_forgetting_curve",
        200,
        "abc-7",
    )
    assert KEY not in str(line)


async def test_a_refused_administrative_call_is_told_too(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.post("/run_forgetting_curve", headers={"Authorization": "Bearer wrong"})
    [line] = audited(caplog)
    assert (line["key"], line["status"]) == (None, 401)


async def test_who_is_erased_is_not_named_by_whichever_path(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.delete("/v2/entities/user/Alice%20Smith/")
    await client.delete("/v1/users/Alice%20Smith")
    await client.get("/v1/jobs/j1")
    await client.delete("/v1/backups/b1")
    entity, user, job, backup = audited(caplog)
    assert (entity["route"], entity["named"]) == ("/v2/entities/{entity_type}/{name}", {"entity_type": "user"})
    assert (user["route"], user.get("named")) == ("/v1/users/{user_id}", None)
    assert (job["route"], job["named"]) == ("/v1/jobs/{job_id}", {"job_id": "j1"})
    assert backup["named"] == {"backup_id": "b1"}
    assert "Alice" not in f"{entity} {user}"


async def test_every_answer_has_an_id_that_the_caller_may_choose(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez", headers={"X-Request-Id": "mine"})).headers["x-request-id"] == "mine"
    made = {(await client.get("/livez", headers={"X-Request-Id": 'a"b\t'})).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(request_id) == 32 for request_id in made)
