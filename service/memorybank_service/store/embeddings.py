"""Vectors that come after the words: which memories wait for one, and writing those that have arrived."""

import sqlite3
from collections.abc import Mapping

from memorybank_service.store.memories import fetch
from memorybank_service.store.records import Memory, Vector
from memorybank_service.store.rosters import encode
from memorybank_service.store.touched import Touched


def pending(connection: sqlite3.Connection, limit: int) -> list[Memory]:
    """The longest waiting first."""
    rows = connection.execute("SELECT seq FROM embed_pending ORDER BY seq LIMIT ?", (limit,)).fetchall()
    return list(fetch(connection, [row[0] for row in rows]).values())


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
