"""The statements that change and read the tables. Each function is one idea, within whose transaction it is called."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from memorybank_service.store import FadedMemory, Memory, NewMemory, Totals, words
from memorybank_service.store.rosters import encode

_COLUMNS = [column.name for column in fields(Memory)]
_MEMORY = f"SELECT {', '.join(_COLUMNS)} FROM memory JOIN owner USING (owner) WHERE seq = ?"  # noqa: S608 - our names


@dataclass(frozen=True)
class Removed:
    seq: int
    owner: int


@dataclass(frozen=True)
class Recalled:
    seq: int
    owner: int
    recalls: int


def owner_of(connection: sqlite3.Connection, user_id: str) -> int | None:
    row = connection.execute("SELECT owner FROM owner WHERE user_id = ?", (user_id,)).fetchone()
    return None if row is None else int(row[0])


def insert(connection: sqlite3.Connection, memory: NewMemory) -> int:
    """The owner's number."""
    counts = words.counted(memory.content)
    total = counts.total()
    owner: int = connection.execute(
        "INSERT INTO owner (user_id, memories, words) VALUES (?, 1, ?) ON CONFLICT (user_id) DO UPDATE "
        "SET memories = memories + 1, words = words + excluded.words RETURNING owner",
        (memory.user_id, total),
    ).fetchone()[0]
    seq: int = connection.execute(
        "INSERT INTO memory (id, owner, agent_id, run_id, speaker, content, metadata, words, created_at, stored_at, "
        "updated_at, anchor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        (
            memory.id,
            owner,
            memory.agent_id,
            memory.run_id,
            memory.speaker,
            memory.content,
            json.dumps(memory.metadata, ensure_ascii=False, allow_nan=False),
            total,
            memory.created_at,
            memory.stored_at,
            memory.stored_at,
            memory.stored_at,
        ),
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO posting (owner, term, seq, count) VALUES (?, ?, ?, ?)",
        [(owner, term, seq, count) for term, count in counts.items()],
    )
    if memory.vector is not None:
        connection.execute("INSERT INTO vector (seq, vector) VALUES (?, ?)", (seq, encode(memory.vector)))
        connection.execute("INSERT INTO index_pending (seq) VALUES (?)", (seq,))
    return owner


def remove(connection: sqlite3.Connection, seq: int) -> Removed | None:
    """The memory with all that was made from it; None if there is none of this number."""
    row = connection.execute("SELECT owner, content, words FROM memory WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return None
    owner, content, total = row
    connection.executemany(
        "DELETE FROM posting WHERE owner = ? AND term = ? AND seq = ?",
        [(owner, term, seq) for term in words.counted(content)],
    )
    connection.execute("DELETE FROM vector WHERE seq = ?", (seq,))
    connection.execute("INSERT OR IGNORE INTO index_pending (seq) VALUES (?)", (seq,))
    connection.execute("DELETE FROM memory WHERE seq = ?", (seq,))
    connection.execute("UPDATE owner SET memories = memories - 1, words = words - ? WHERE owner = ?", (total, owner))
    return Removed(seq, owner)


def seq_of(connection: sqlite3.Connection, memory_id: str) -> int | None:
    row = connection.execute("SELECT seq FROM memory WHERE id = ?", (memory_id,)).fetchone()
    return None if row is None else int(row[0])


def fetch(connection: sqlite3.Connection, seqs: Iterable[int]) -> dict[int, Memory]:
    found: dict[int, Memory] = {}
    for seq in seqs:
        if (row := connection.execute(_MEMORY, (seq,)).fetchone()) is not None:
            columns = dict(zip(_COLUMNS, row, strict=True))
            columns |= {"metadata": json.loads(columns["metadata"]), "pinned": bool(columns["pinned"])}
            found[seq] = Memory(**columns)
    return found


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


def purge(connection: sqlite3.Connection, anchors: Mapping[int, float]) -> list[Removed]:
    removed = []
    for seq, anchor in anchors.items():
        unchanged = connection.execute(
            "SELECT 1 FROM memory WHERE seq = ? AND anchor = ? AND pinned = 0 AND faded_at IS NOT NULL", (seq, anchor)
        )
        if unchanged.fetchone() is not None and (gone := remove(connection, seq)) is not None:
            removed.append(gone)
    return removed


def totals(connection: sqlite3.Connection) -> Totals:
    row = connection.execute("SELECT count(*), avg(importance), min(created_at), max(created_at) FROM memory")
    return Totals(*row.fetchone())


def write_notes(connection: sqlite3.Connection, notes: Mapping[str, str]) -> None:
    connection.executemany(
        "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", notes.items()
    )
