"""What waits for a language model survives the end of the process, whichever way that comes."""

from pathlib import Path

import httpx
import pytest

from tests.service.http.learning import draws
from tests.service.provider import Provider, hangs
from tests.service.running import running
from tests.service.waiting import until

pytestmark = pytest.mark.process


def asking(provider: Provider) -> dict[str, str]:
    return {
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": "m1",
        "LLM_API_BASE": provider.base_url,
        "OPENAI_API_KEY": "sk-test",
        "EMBEDDING_PROVIDER": "local",
    }


def facts(client: httpx.Client) -> list[str]:
    page = client.get("/v1/memories", params={"user_id": "ada"}).raise_for_status().json()
    return [memory["content"] for memory in page["results"] if memory["kind"] == "fact"]


def states(client: httpx.Client) -> list[str]:
    page = client.get("/v1/jobs", params={"kind": "extract"}).raise_for_status().json()
    return sorted(job["state"] for job in page["results"])


def test_what_was_being_learnt_when_the_process_was_killed_is_learnt_once(tmp_path: Path, provider: Provider) -> None:
    provider.answer(hangs())
    with running(tmp_path, **asking(provider)) as service:
        client = service.ready()
        for run_id in ("r", "s"):
            told = {"content": "I live in Lisbon.", "user_id": "ada", "run_id": run_id, "infer": True}
            assert client.post("/v1/memories", json=told).status_code == 201
        until(lambda: bool(provider.chats))
        assert states(client) == ["queued", "running"]
        service.kill()
    provider.answer(draws("Ada lives in Lisbon."))
    with running(tmp_path, **asking(provider)) as service:
        client = service.ready()
        until(lambda: states(client) == ["succeeded", "succeeded"])
        assert facts(client) == ["Ada lives in Lisbon."]
        assert service.end() == 0
