"""The deployment guide's scripts, with its arguments and what they print."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client.fleet.conftest import Ended, Fleet

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def run(fleet: Fleet) -> Any:
    def one(script: str, *arguments: str, stdin: str = "", **more: str) -> Ended:
        return fleet.run(*arguments, stdin=stdin, program=str(SCRIPTS / script), **more)

    return one


def test_the_guides_workflow_runs_with_its_scripts(fleet: Fleet, customer: dict[str, Any], run: Any) -> None:
    made = run("manage-tenants.py", "create", "guide-a", "--domain", "example.com").json
    deployed = run("deploy-tenant.sh", "guide-b", "a-key-of-the-guide", "example.com")
    listed = [one["tenant_id"] for one in run("manage-tenants.py", "list").json]

    assert set(made) == {"tenant_id", "api_key", "domain", "endpoint"}
    assert made["domain"] == "guide-a.example.com"
    assert deployed.json["api_key"] == "a-key-of-the-guide"
    assert {"guide-a", "guide-b"} <= set(listed)
    assert run("manage-tenants.py", "info", "guide-a").json["tenant_id"] == "guide-a"
    assert "total_memories" in run("manage-tenants.py", "stats", "--tenant-id", "customer1").json
    assert {one["tenant_id"] for one in run("manage-tenants.py", "stats", MEMORYBANK_API_KEY="x").json} >= set(listed)
    pipe = (
        f"{SCRIPTS}/manage-tenants.py list | jq -r '.[].tenant_id' | grep guide"
        f" | xargs -I {{}} {SCRIPTS}/update-tenant.sh {{}} v1.1.0"
    )
    subprocess.run(["sh", "-ec", pipe], env=fleet.environment, check=True, capture_output=True)
    assert run("manage-tenants.py", "info", "guide-b").json["image"] == "registry.example/memorybank:v1.1.0"
    assert run("manage-tenants.py", "delete", "guide-a").json["data"] == "kept"
    assert run("manage-tenants.py", "delete", "guide-a", "--force").json["data"] == "removed"
    assert run("manage-tenants.py", "delete", "--tenant-id", "guide-b", "--force").json["data"] == "removed"


def test_a_key_is_handed_on_by_standard_input_and_never_as_an_argument(fleet: Fleet, run: Any, tmp_path: Path) -> None:
    told = tmp_path / "told"
    recorder = tmp_path / "recorder"
    recorder.write_text(f'#!/bin/sh\necho "$@" >{told}; cat >>{told}\n')
    recorder.chmod(0o755)

    run(
        "manage-tenants.py",
        "create",
        "--tenant-id",
        "a",
        "--api-key",
        "secret",
        "--domain",
        "b",
        MEMORYBANK=str(recorder),
    )
    by_script = told.read_text()
    run("deploy-tenant.sh", "a", "secret", "b", "--size", "5Gi", MEMORYBANK=str(recorder))

    assert by_script == "create a --domain b --api-key-stdin\nsecret"
    assert told.read_text() == "create a --domain b --api-key-stdin --wait --size 5Gi\nsecret"


def test_what_is_missing_is_asked_on_a_terminal_and_an_error_elsewhere(fleet: Fleet, run: Any, tmp_path: Path) -> None:
    recorder = tmp_path / "recorder"
    recorder.write_text('#!/bin/sh\necho "$@"\n')
    recorder.chmod(0o755)
    ours, theirs = pty.openpty()
    os.write(ours, b"asked\nexample.com\n")
    environment = {**fleet.environment, "MEMORYBANK": str(recorder)}

    asked = subprocess.run(
        [str(SCRIPTS / "manage-tenants.py"), "create"],
        stdin=theirs, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    silent = run("manage-tenants.py", "create")

    assert asked.stdout == "create asked --domain example.com\n"
    assert "Tenant's id:" in asked.stderr
    assert (silent.status, silent.err) == (2, "manage-tenants.py: an id is missing\n")
    assert run("deploy-tenant.sh", "a").status == run("update-tenant.sh", "a").status == 2


def test_a_program_that_makes_a_tenant_shows_what_went_wrong(fleet: Fleet, customer: dict[str, Any], run: Any) -> None:
    failed = run("manage-tenants.py", "create", "customer1", "--domain", "example.com")

    assert failed.status == 1
    assert failed.out == ""
    assert "exists already" in failed.err


def test_removing_all_data_is_asked_for_on_a_terminal(fleet: Fleet, customer: dict[str, Any]) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"no\n")
    ended = subprocess.run(
        ["memorybank", "delete", "customer1", "--force"],
        stdin=theirs, env=fleet.environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)

    assert ended.returncode == 2
    assert "Type the id to go on:" in ended.stderr
    assert ended.stderr.endswith("was not confirmed: nothing is changed\n")
    assert fleet.done("info", "customer1")["phase"] == "Ready"
