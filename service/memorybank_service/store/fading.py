"""The statements of recall and fading."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memorybank_service.store import FadedMemory, Totals
from memorybank_service.store.memories import remove
from memorybank_service.store.touched import Touched


@dataclass(frozen=True)
class Recalled:
    seq: int
    owner: int
    recalls: int


def count_recalls(connection: sqlite3.Connection, seqs: Sequence[int], now: float, not_since: float) -> list[Recalled]:
    """Those that were counted. Strength and anchor change together, or not at all."""
    counted = []
    for seq in seqs:
        row = connection.execute(
            "UPDATE memory SET recalls = recalls + 1, anchor = ?1, recalled_at = ?1, faded_at = NULL "
            "WHERE seq = ?2 AND (recalled_at IS NULL OR recalled_at <= ?3) RETURNING owner, recalls",
            (now, seq, not_since),
        ).fetchone()
        if row is not None:
            counted.append(Recalled(seq, *row))
    return counted


def faded(connection: sqlite3.Connection) -> list[FadedMemory]:
    rows = connection.execute("SELECT seq, faded_at FROM memory WHERE faded_at IS NOT NULL")
    return [FadedMemory(seq, faded_at) for seq, faded_at in rows]


def record_faded(connection: sqlite3.Connection, fade: Mapping[int, float], unfade: Sequence[int], now: float) -> None:
    connection.executemany(
        "UPDATE memory SET faded_at = ? WHERE seq = ? AND anchor = ? AND faded_at IS NULL",
        [(now, seq, anchor) for seq, anchor in fade.items()],
    )
    connection.executemany("UPDATE memory SET faded_at = NULL WHERE seq = ?", [(seq,) for seq in unfade])


def purge(connection: sqlite3.Connection, anchors: Mapping[int, float], now: float, touched: Touched) -> int:
    purged = 0
    for seq, anchor in anchors.items():
        unchanged = connection.execute(
            "SELECT 1 FROM memory WHERE seq = ? AND anchor = ? AND pinned = 0 AND faded_at IS NOT NULL", (seq, anchor)
        )
        if unchanged.fetchone() is not None:
            purged += remove(connection, seq, now, touched, "service", traces=True)
    return purged


def totals(connection: sqlite3.Connection) -> Totals:
    row = connection.execute("SELECT count(*), avg(importance), min(created_at), max(created_at) FROM memory")
    return Totals(*row.fetchone())
