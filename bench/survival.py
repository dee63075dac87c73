"""Two hundred kills at random moments under write load: `python -m bench survival`.

What was acknowledged and lost, or is there and was never written, ends it with an error: a result is only kept where
both are none.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.footprint import local_embedder
from bench.results import keep
from tests.service.survival import Survival, check_index

KILLS = 200


def run(kills: int = KILLS) -> str:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder:
        survival = Survival(Path(folder), seed=int(time.time()))
        for number in range(1, kills + 1):
            survival.turn()
            if number % 20 == 0:
                print(f"{number} kills, {survival.acknowledged} writes acknowledged", flush=True)
        survival.finish()
        check_index(survival.database, local_embedder())
    keep(
        "survival",
        {
            "kills": survival.kills,
            "acknowledged_writes": survival.acknowledged,
            "acknowledged_imports": survival.imports,
            "memories_at_the_end": survival.memories,
            "lost": 0,
            "invented": 0,
            "seconds": round(time.monotonic() - started),
        },
    )
    return (
        f"{survival.kills} kills under load: of {survival.acknowledged} acknowledged writes and {survival.imports} "
        "imports none was lost, nothing was invented"
    )
