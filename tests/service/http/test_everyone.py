"""`*` stands for every user where something is read, so nothing can be stored for a user of that name."""

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from memorybank_service.http.mcp.models import AddArguments
from tests.service.http.v1.test_moving import take_in

SAID = [{"role": "user", "content": "I like tea."}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/store_memory", {"content": "I like tea.", "metadata": {"user_id": "*"}}),
        ("/chat", {"query": "I like tea.", "metadata": {"user_id": "*"}}),
        ("/v1/memories", {"content": "I like tea.", "user_id": "*"}),
        ("/v1/memories/batch", {"memories": [{"content": "I like tea.", "user_id": "*"}]}),
        ("/v3/memories/add/", {"messages": SAID, "user_id": "*"}),
        ("/v3/memories/add/", {"messages": SAID, "user_id": "ada", "agent_id": "*"}),
        ("/v3/memories/add/", {"messages": SAID, "filters": {"run_id": "*"}}),
        ("/v1/chat/completions", {"messages": SAID, "user": "*"}),
        ("/v1/chat/completions", {"messages": SAID, "metadata": {"user_id": "*"}}),
    ],
)
async def test_nothing_is_stored_for_everyone(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code in (400, 422), answer.text
    assert "stands for every" in answer.text
    assert (await client.get("/memory_stats")).json()["total_memories"] == 0


async def test_a_setting_of_a_client_names_one_user(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/chat/completions", json={"messages": SAID}, headers={"X-MemoryBank-User": "*"})
    assert (answer.status_code, "must be one user" in answer.text) == (400, True)


async def test_a_line_of_an_import_belongs_to_one_user(client: httpx.AsyncClient) -> None:
    await client.post("/v1/memories", json={"content": "I like tea.", "user_id": "ada"})
    line = next(line for line in (await client.get("/v1/export")).text.splitlines() if '"type":"memory"' in line)
    job = await take_in(
        client,
        {"content": "I like coffee.", "user_id": "*"},
        line.replace('"user_id":"ada"', '"user_id":"*"'),
        {"type": "tombstone", "user_id": "*", "digest": "0" * 64, "at": "2027-01-15T08:00:00Z"},
    )
    assert (job["result"]["imported"], job["result"]["refused"]) == (0, 3)
    assert all("stands for every user" in error["message"] for error in job["result"]["errors"])


def test_a_model_that_adds_a_memory_names_one_user() -> None:
    with pytest.raises(ValidationError, match="stands for every user"):
        AddArguments.model_validate({"content": "I like tea.", "user_id": "*"})
