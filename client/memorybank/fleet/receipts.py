"""Receipts of erasures as they are kept beside a tenant, a JSON object a line; pure.

A receipt names nobody: it has a digest of the user's id, by a key that stands in the store alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from memorybank.wire import plain

if TYPE_CHECKING:
    from memorybank.records import Erasure

FILE: Final = "erasures.ndjson"
MOST: Final = 2000
"""Receipts that are kept: the oldest of more have long gone to the destination with a backup."""
_PARTS: Final = ("id", "user", "erased_at", "counts", "sha256")


def joined(kept: str, receipts: Iterable[Erasure]) -> str:
    """What is kept with these added; one that is there already is told once."""
    new = [{part: value for part, value in plain(receipt).items() if part in _PARTS} for receipt in receipts]
    known = {json.loads(line)["id"]: line for line in kept.splitlines() if line.strip()}
    known |= {receipt["id"]: json.dumps(receipt, sort_keys=True) for receipt in new}
    lines = sorted(known.values(), key=lambda line: str(json.loads(line)["erased_at"]))[-MOST:]
    return "".join(f"{line}\n" for line in lines)
