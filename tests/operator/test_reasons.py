"""Every reason that a condition may have stands in the manual, with what to do."""

import re
from pathlib import Path

import pytest

from memorybank_operator.api.status import Reason

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_stands_in_the_manual_with_its_meaning_and_what_to_do(reason: Reason) -> None:
    rows = {name: (meaning.strip(), remedy.strip()) for name, meaning, remedy in ROW.findall(PAGE.read_text())}
    assert all(rows.get(reason, ("", ""))), f"docs/troubleshooting.md has no row for {reason}"
