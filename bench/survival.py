"""Two hundred kills at random moments under write load: `python -m bench.survival`.

What was acknowledged and lost, or is there and was never written, ends it with an error: a result is only kept where
both are none.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from bench.results import keep
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.embedding.model_files import find_model
from memorybank_service.settings import load_settings
from tests.service.survival import Survival, check_index

KILLS = 200


def main() -> int:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        survival = Survival(Path(folder), seed=int(time.time()))
        for number in range(1, kills + 1):
            survival.turn()
            if number % 10 == 0:
                print(f"{number} kills, {survival.acknowledged} writes acknowledged", flush=True)
        survival.finish()
        settings = load_settings({**os.environ, "API_KEY": "none"})
        check_index(survival.database, LocalEmbedder(find_model(settings.model_directory)))
    figures = {
        "kills": survival.kills,
        "acknowledged_writes": survival.acknowledged,
        "acknowledged_imports": survival.imports,
        "memories_at_the_end": survival.memories,
        "lost": 0,
        "invented": 0,
        "seconds": round(time.monotonic() - started),
    }
    keep("survival", figures)
    print(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
