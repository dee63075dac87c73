"""What the tests of learning tell the provider, and what they look at."""

import os
from pathlib import Path
from typing import Any

import httpx

from memorybank_service.settings import Settings, load_settings
from tests.service.conftest import KEY
from tests.service.http.v1.calls import call
from tests.service.provider import Provider, Reply, says_json
from tests.service.waiting import until_so

_PATIENCE = 180.0
"""The process that asks the provider takes long to start on a busy machine."""
PROVIDER_KEY = "sk-a-key-that-nobody-may-see"


def settings_with(provider: Provider, folder: Path, **variables: str) -> Settings:
    asked = {"LLM_PROVIDER": "openai", "LLM_MODEL": "m1", "LLM_API_BASE": provider.base_url}
    own = {"API_KEY": KEY, "CHROMA_DB_PATH": str(folder), "RATE_LIMIT_RPS": "0", "EMBEDDING_PROVIDER": "local"}
    return load_settings({**os.environ, **own, "OPENAI_API_KEY": PROVIDER_KEY, **asked, **variables})


def draws(text: str, replaces: str = "") -> Reply:
    """One fact, out of the first thing said."""
    action = "supersede" if replaces else "add"
    fact = {"action": action, "replaces": replaces, "text": text, "sources": ["m1"]}
    return says_json({"operations": [{**fact, "importance": 0.7, "category": "person"}]})


async def facts(client: httpx.AsyncClient, state: str = "active", user: str = "ada") -> list[dict[str, Any]]:
    page = await call(client, "GET", "/v1/memories", user_id=user)
    return [one for one in page["results"] if one["kind"] == "fact" and one["state"] == state]


async def job_in(client: httpx.AsyncClient, state: str, kind: str = "extract") -> dict[str, Any]:
    """The newest job of the kind, once every one of it is in this state."""
    jobs: list[dict[str, Any]] = []

    async def so() -> bool:
        jobs[:] = (await call(client, "GET", "/v1/jobs", kind=kind))["results"]
        return {job["state"] for job in jobs} == {state}

    await until_so(so, _PATIENCE)
    return jobs[0]
