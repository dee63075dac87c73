"""The space that the vectors lie in: what made them, and how long they are. Those of two spaces are never compared.

`vector` holds the vectors of the data's own space. `vector_next` gathers those of another one, while every memory is
embedded anew, and takes its place when it is complete; the ones before are `vector_old` then, until they are removed.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from memorybank_service.store import StoreError, notes
from memorybank_service.store.foreign_log import remove_foreign_log
from memorybank_service.store.memories import fetch
from memorybank_service.store.records import Memory, Space, Vector
from memorybank_service.store.rosters import encode

_NAME, _DIMENSION, _NEXT = "embedding", "embedding_dimension", "embedding_next"


def record(connection: sqlite3.Connection, space: Space) -> None:
    notes.write(connection, {_NAME: space.name, _DIMENSION: str(space.dimension)})


def recorded(connection: sqlite3.Connection) -> Space:
    name, noted = notes.read(connection, _NAME) or "", notes.read(connection, _DIMENSION)
    if noted is not None:
        return Space(name, int(noted))
    # By a version that knew one length only.
    row = connection.execute("SELECT length(vector) / 2 FROM vector LIMIT 1").fetchone()
    return Space(name, 0 if row is None else int(row[0]))


def settled(connection: sqlite3.Connection, configured: Space) -> Space:
    """What the space of the data should be: a store without memories takes on the configured one."""
    known = recorded(connection)
    if connection.execute("SELECT 1 FROM memory LIMIT 1").fetchone() is None:
        return configured
    if known.name == configured.name and known.dimension == 0:
        return Space(known.name, configured.dimension)
    return known


def peek(database: Path) -> Space | None:
    """The space of a store's memories, before it is opened; None where there are none yet."""
    if not database.exists():
        return None
    remove_foreign_log(database)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            filled = connection.execute("SELECT 1 FROM memory LIMIT 1").fetchone()
            return None if filled is None else recorded(connection)
        except sqlite3.DatabaseError:  # no store, or a broken one: opening it tells
            return None


def begin_next(connection: sqlite3.Connection, name: str) -> None:
    """What was gathered for a space of another name is of no use."""
    if notes.read(connection, _NEXT) != name:
        connection.execute("DELETE FROM vector_next")
        notes.write(connection, {_NEXT: name})


def missing_next(connection: sqlite3.Connection, after: int, limit: int) -> list[Memory]:
    """In the order of arrival, behind the number `after`."""
    rows = connection.execute(
        "SELECT seq FROM memory AS m WHERE seq > ? AND NOT EXISTS (SELECT 1 FROM vector_next WHERE seq = m.seq) "
        "ORDER BY seq LIMIT ?",
        (after, limit),
    ).fetchall()
    return list(fetch(connection, [row[0] for row in rows]).values())


def count_next(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many memories have their next vector, of how many."""
    row = connection.execute("SELECT (SELECT count(*) FROM vector_next), (SELECT count(*) FROM memory)").fetchone()
    return row[0], row[1]


def write_next(connection: sqlite3.Connection, vectors: Mapping[int, tuple[float, Vector]], name: str) -> int:
    """Each with the `updated_at` of the words it was made of; those of words that have changed since are left out."""
    if notes.read(connection, _NEXT) != name:
        return 0
    lengths = {len(vector) for _, vector in vectors.values()} | set(filter(None, [_next_length(connection)]))
    if len(lengths) > 1:
        raise StoreError(f"{name} gave vectors of different lengths: {', '.join(map(str, sorted(lengths)))}")
    written = 0
    for seq, (updated_at, vector) in vectors.items():
        written += connection.execute(
            "INSERT OR REPLACE INTO vector_next SELECT seq, ? FROM memory WHERE seq = ? AND updated_at = ?",
            (encode(vector), seq, updated_at),
        ).rowcount
    return written


def swap(connection: sqlite3.Connection, configured: Space, tolerated: int) -> Space | None:
    """Makes the next vectors the current ones: their space. None, and nothing is changed, where it is too early.

    `tolerated`: how many memories may lack theirs; they wait for it from then on.
    """
    done, of = count_next(connection)
    if notes.read(connection, _NEXT) != configured.name or of - done > tolerated or has_old(connection):
        return None
    space = Space(configured.name, _next_length(connection) or configured.dimension)
    # The old ones go afterwards, little by little: to overwrite them all takes seconds, in which nobody could write.
    connection.execute("DROP TABLE vector_old")
    connection.execute("ALTER TABLE vector RENAME TO vector_old")
    connection.execute("ALTER TABLE vector_next RENAME TO vector")
    connection.execute(
        "CREATE TABLE vector_next (seq INTEGER PRIMARY KEY REFERENCES memory, vector BLOB NOT NULL) STRICT"
    )
    for table, rows in (
        ("embed_pending", "SELECT seq FROM memory WHERE seq NOT IN (SELECT seq FROM vector)"),
        ("index_pending", "SELECT seq FROM memory"),
    ):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our names
        connection.execute(f"INSERT INTO {table} {rows}")
    connection.execute("DELETE FROM note WHERE name = ?", (_NEXT,))
    record(connection, space)
    return space


def has_old(connection: sqlite3.Connection) -> bool:
    """Whether vectors are left from before the last swap."""
    return connection.execute("SELECT 1 FROM vector_old LIMIT 1").fetchone() is not None


def remove_old(connection: sqlite3.Connection, limit: int) -> bool:
    """Whether some are left then."""
    connection.execute("DELETE FROM vector_old WHERE seq IN (SELECT seq FROM vector_old LIMIT ?)", (limit,))
    return has_old(connection)


def _next_length(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT length(vector) / 2 FROM vector_next LIMIT 1").fetchone()
    return 0 if row is None else int(row[0])
