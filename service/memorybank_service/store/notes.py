"""Small facts that outlive a restart, by name."""

import sqlite3
from collections.abc import Mapping


def read(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def write(connection: sqlite3.Connection, notes: Mapping[str, str]) -> None:
    connection.executemany(
        "INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", notes.items()
    )
