"""`make demo`'s last screen shows what it promises, and its lines work as they stand there."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from e2e.stack import ROOT, Stack


def test_the_last_screen_shows_the_tenant_and_its_lines_lead_on(stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "e2e.demo"],
        cwd=ROOT,
        env={**os.environ, "MONITORING": "1"},
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("customers ")]
    url = stack.url_of("customer1.memorybank.localhost")
    assert row[:5] == ["customers", "customer1", "True", "True", "Ready"]
    assert f"Stored at {url}" in done.stdout
    assert "Found:  Ada takes the night train to Vienna every spring." in done.stdout

    lines = done.stdout.partition("Go on:\n")[2].partition("  make down")[0]
    key_and_curl, _, kubectl = lines.strip().rpartition("\n")
    answer = subprocess.run(["bash", "-c", key_and_curl], cwd=ROOT, text=True, capture_output=True, check=True)
    table = subprocess.run(["bash", "-c", kubectl], cwd=ROOT, text=True, capture_output=True, check=True)
    assert json.loads(answer.stdout)["memories"][0]["content"] == "Ada is learning to play the oboe."
    assert "customer1" in table.stdout

    assert "customers/customer1: 4 memories" in done.stdout
    rules = done.stdout.rpartition("\n  ")[2]
    told = subprocess.run(["bash", "-c", rules], cwd=ROOT, text=True, capture_output=True, check=True)
    assert "MemoryBankTenantDown" in told.stdout
