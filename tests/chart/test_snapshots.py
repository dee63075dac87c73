"""What the chart renders is what was reviewed."""

from __future__ import annotations

import difflib

import pytest

from tests.chart.conftest import SETS, Helm
from tests.chart.take_snapshots import COMMAND, FOLDER, taken


@pytest.mark.parametrize("name", SETS)
def test_the_rendering_is_the_reviewed_one(helm: Helm, name: str) -> None:
    for file, now in taken(helm, name).items():
        before = (FOLDER / file).read_text()
        difference = difflib.unified_diff(
            before.splitlines(), now.splitlines(), f"snapshots/{file}", "now", lineterm=""
        )
        assert before == now, "\n".join([f"if this is meant, run `{COMMAND}`:", *difference])


def test_no_snapshot_is_of_a_value_set_that_is_gone() -> None:
    assert {file.name.partition(".")[0] for file in FOLDER.glob("*")} == set(SETS)
