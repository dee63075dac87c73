"""One tenant by config/compose/docker-compose.yml, with an engine that Debian ships."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.images import PROGRAMS
from e2e.podman import Podman
from e2e.stack import ROOT
from e2e.tenants import until

FILE = ROOT / "config" / "compose" / "docker-compose.yml"
KEY = "a-key-of-the-compose-tests-0123456789"
COMPOSE = ("podman-compose", "--project-name=memorybank-e2e", f"--file={FILE}")
ASKING = """
import json, sys, urllib.error, urllib.request
path, body, key = sys.argv[1:]
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
request = urllib.request.Request(f"http://127.0.0.1:8000{path}", body.encode() or None, headers)
try:
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(answer.read().decode())
except urllib.error.HTTPError as refused:
    print(json.dumps({"status": refused.code}))
"""


@pytest.fixture
def up(engine: Podman) -> Iterator[Podman]:
    start(engine)
    yield engine
    engine(*COMPOSE, "down", variables={"API_KEY": KEY})


def start(engine: Podman) -> None:
    variables = {"TENANT_ID": "customer1", "API_KEY": KEY, "MEMORYBANK_IMAGE": PROGRAMS["service"].tag}
    engine(*COMPOSE, "up", "--detach", variables=variables)
    probe = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"
    until("the tenant is ready", lambda: engine("python3", "-c", f"{probe}; print('yes')", check=False))


def ask(engine: Podman, path: str, body: Any = None, key: str = KEY) -> Any:
    return json.loads(engine.python(ASKING, path, "" if body is None else json.dumps(body), key))


def test_a_tenant_by_the_guides_variables_remembers_and_keeps_its_data(up: Podman) -> None:
    told = {"content": "Ada takes the night train to Vienna.", "metadata": {"user_id": "ada"}}
    assert ask(up, "/store_memory", told)["status"] == "stored"
    assert ask(up, "/health")["tenant_id"] == "customer1"
    assert ask(up, "/memory_stats", key="wrong") == {"status": 401}

    up(*COMPOSE, "down", variables={"API_KEY": KEY})
    start(up)

    question = {"query": "how does Ada travel?", "metadata": {"user_id": "ada"}}
    assert [one["content"] for one in ask(up, "/retrieve_memory", question)["memories"]] == [told["content"]]


def test_its_container_may_do_nothing_that_it_need_not(up: Podman) -> None:
    [name] = up("podman", "ps", "--format={{.Names}}", "--filter=name=memorybank-e2e").split()
    [inspected] = json.loads(up("podman", "inspect", name))
    assert inspected["HostConfig"]["ReadonlyRootfs"] is True
    assert inspected["EffectiveCaps"] in ([], None)
    assert "no-new-privileges" in " ".join(inspected["HostConfig"]["SecurityOpt"])
    user = up("podman", "exec", name, "python3", "-c", "import os; print(os.getuid())")
    assert user.strip() == "10001"
    ports = {one["HostIp"] for bound in inspected["HostConfig"]["PortBindings"].values() for one in bound or ()}
    assert ports == {"127.0.0.1"}


def test_without_a_key_it_says_what_to_set(engine: Podman) -> None:
    with pytest.raises(AssertionError, match="API_KEY"):
        engine(*COMPOSE, "up", "--detach")


def test_the_file_is_what_the_docs_say() -> None:
    assert str(FILE.relative_to(ROOT)) in Path(ROOT / "docs" / "compose.md").read_text()
