"""Ten kills at random moments; `python -m bench survival` does two hundred."""

from pathlib import Path

import pytest

from memorybank_service.embedding.local import LocalEmbedder
from tests.service.survival import Survival, check_index

pytestmark = pytest.mark.process


def test_nothing_acknowledged_is_lost_and_nothing_invented_by_ten_kills_under_load(
    tmp_path: Path, embedder: LocalEmbedder
) -> None:
    survival = Survival(tmp_path, seed=1)
    for _ in range(10):
        survival.turn()
    survival.finish()
    assert survival.acknowledged > 100
    check_index(survival.database, embedder)
