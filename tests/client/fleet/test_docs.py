"""The examples of the manual's page on the command line, run as they stand, in their order."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client.fleet.conftest import KEY, Fleet
from tests.client.fleet.playing import backups_played

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "command-line.md").read_text()
BLOCK = re.compile(r"(?ms)^```(python|console)\n(.*?)^```$")
NAMESPACE = "manual"


def script(console: str) -> str:
    """What a console block has its reader type."""
    lines = [line[2:] for line in console.splitlines() if line.startswith(("$ ", "> "))]
    return "\n".join(lines)


def test_the_examples_of_the_page_run(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.kubectl("create", "namespace", NAMESPACE)
    told = json.loads(fleet.kubeconfig.read_text())
    told["contexts"][0]["context"]["namespace"] = NAMESPACE
    (tmp_path / "kubeconfig").write_text(json.dumps(told))
    (tmp_path / "key.txt").write_text(KEY)
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    for name, value in {**fleet.environment, "KUBECONFIG": str(tmp_path / "kubeconfig")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for language, text in BLOCK.findall(PAGE):
        if language == "python":
            exec(compile(text, "docs/command-line.md", "exec"), names)  # noqa: S102 - our own page
            continue
        with backups_played(fleet):
            ended = subprocess.run(["bash", "-euc", script(text)], text=True, capture_output=True, check=False)
        assert ended.returncode == 0, f"{script(text)}\n{ended.stderr}"
    assert names["tenant"]["domain"] == "customer4.example.com"
