"""Receipts of erasures beside the database, so that they outlive its being replaced by an older copy of itself."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from memorybank_service.store import Erasure

log = logging.getLogger(__name__)


class ErasureLog:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Erasure]:
        """A line that was broken off by a crash is left out: the database has it, and adds it again."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_bytes().splitlines():
            try:
                found.append(Erasure(**json.loads(line)))
            except (ValueError, TypeError):
                log.warning("a line of the erasures' log cannot be read")
        return found

    def append(self, erasures: Sequence[Erasure]) -> None:
        """On a full volume they are added at the next start."""
        lines = "".join(json.dumps(asdict(erasure)) + "\n" for erasure in erasures)
        try:
            with self._path.open("ab") as file:
                if file.tell() and not self._ends_whole():
                    file.write(b"\n")
                file.write(lines.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("an erasure could not be noted beside the database yet", extra={"error": str(error)})

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
