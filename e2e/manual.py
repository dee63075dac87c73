"""The commands of the manual: what its pages have a reader type, and which of them no test can run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_BLOCK: Final = re.compile(r"(?ms)(?:^<!-- no test runs this: ([^\n]+?) -->\n)?^```console\n(.*?)^```$")

_INLINE: Final = re.compile(r"`((?:kubectl|memorybank) [^`]+)`")
_WHOLE: Final = re.compile(r"customer1|-n customers|memorybank-system|--all-namespaces|--recursive|storageclass$")
_PLACEHOLDER: Final = re.compile(r"\.\.\.|…|\b[A-Z]{2,}\b|--url|< ")

WALKED: Final = frozenset(
    {
        "README.md",
        "docs/backups.md",
        "docs/compose.md",
        "docs/data.md",
        "docs/gitops.md",
        "docs/installing.md",
        "docs/keys-and-volumes.md",
        "docs/local-cluster.md",
        "docs/runbooks.md",
        "docs/service.md",
        "docs/troubleshooting.md",
        "docs/upgrades.md",
    }
)
"""Whose blocks `e2e/test_manual.py` runs."""
ELSEWHERE: Final[Mapping[str, str]] = {
    "docs/client.md": "tests/client/test_docs.py",
    "docs/command-line.md": "tests/client/fleet/test_docs.py",
    "CONTRIBUTING.md": ".ci/run",
}


@dataclass(frozen=True)
class Block:
    page: str
    script: str
    outside: str | None
    """What it needs that a test has not; None: it is run."""


def blocks(page: Path) -> list[Block]:
    """The console blocks of a page in their order, without what is printed."""
    name = str(page.relative_to(ROOT))
    found = _BLOCK.finditer(page.read_text())
    return [Block(name, _typed(one[2]), one[1]) for one in found if _typed(one[2])]


def within_sentences(page: Path) -> list[str]:
    """The whole commands about tenants that stand in a page's text and tables; placeholders and fragments are none."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())
    found = _INLINE.findall(re.sub(r"(?<!\n)\n(?!\n)", " ", prose))
    commands = [one.replace("\\|", "|") for one in found]
    return [one for one in dict.fromkeys(commands) if _WHOLE.search(one) and not _PLACEHOLDER.search(one)]


def _typed(text: str) -> str:
    """The lines after a prompt, and those that go on from one that ends in a backslash."""
    typed: list[str] = []
    goes_on = False
    for line in text.splitlines():
        if line.startswith("$ ") or goes_on:
            typed.append(line.removeprefix("$ "))
            goes_on = line.endswith("\\")
    return "\n".join(typed)
