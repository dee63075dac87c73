"""Vectors that come after the words: which memories wait for one, and writing those that have arrived."""

import sqlite3
from collections.abc import Collection, Mapping

from memorybank_service.store.memories import fetch
from memorybank_service.store.records import Memory, Vector
from memorybank_service.store.rosters import encode
from memorybank_service.store.touched import Touched


def pending(connection: sqlite3.Connection, limit: int, without: Collection[int]) -> list[Memory]:
    """The longest waiting first."""
    query = "SELECT seq FROM embed_pending ORDER BY seq LIMIT ?"
    rows = connection.execute(query, (limit + len(without),)).fetchall()
    chosen = [row[0] for row in rows if row[0] not in without]
    return list(fetch(connection, chosen[:limit]).values())


def count_pending(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM embed_pending").fetchone()[0])


def write_vectors(connection: sqlite3.Connection, vectors: Mapping[int, tuple[float, Vector]], touched: Touched) -> int:
    """Each with the `updated_at` of the words it was made of; what has changed since is left waiting."""
    written = 0
    for seq, (updated_at, vector) in vectors.items():
        row = connection.execute(
            "SELECT owner FROM memory WHERE seq = ? AND updated_at = ?", (seq, updated_at)
        ).fetchone()
        if row is None:
            continue
        connection.execute("INSERT OR REPLACE INTO vector VALUES (?, ?)", (seq, encode(vector)))
        connection.execute("INSERT OR IGNORE INTO index_pending VALUES (?)", (seq,))
        connection.execute("DELETE FROM embed_pending WHERE seq = ?", (seq,))
        touched.changed.append((seq, row[0]))
        written += 1
    return written
