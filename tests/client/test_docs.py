"""The examples of the manual, run as they stand against a real service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memorybank import MemoryBankClient
from tests.client.conftest import Service

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
SECTIONS = re.split(r"(?m)^## ", PAGE)
BLOCK = re.compile(r"(?ms)^```(python|console)\n(.*?)^```$")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.splitlines()[0])
def test_the_examples_of_a_section_run(
    section: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORYBANK_URL", service.url)
    monkeypatch.setenv("MEMORYBANK_API_KEY", service.key)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    with MemoryBankClient() as bank:
        names: dict[str, Any] = {"bank": bank}
        for language, text in BLOCK.findall(section):
            if language == "python":
                exec(compile(text, "docs/client.md", "exec"), names)  # noqa: S102 - our own page
            else:
                script = "\n".join(line.removeprefix("$ ") for line in text.splitlines())
                subprocess.run(["sh", "-ec", script], check=True, capture_output=True)
