"""The tables, their version, and how a connection is set up."""

import sqlite3
import uuid
from pathlib import Path

from memorybank_service.store import StoreError
from memorybank_service.store.words import RULES

VERSION = 1
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables; Debian 12 has 3.40

# `owner` stands for a user by a small number, with what BM25 needs to know about all of the user's memories.
# A vector has a table of its own: rows without it are small enough to be read by the thousand.
# `index_pending` names the memories whose entry in the vector index is not what it should be: to be written if there
# is a vector, to be removed if there is none.
# Windows and sessions need no lists: (owner, run_id, seq) gives a memory's neighbours, `posting` their terms.
_TABLES = """
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE owner (
    owner INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE,
    memories INTEGER NOT NULL DEFAULT 0,
    words INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE memory (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL REFERENCES owner,
    agent_id TEXT,
    run_id TEXT,
    speaker TEXT,
    content TEXT NOT NULL,
    metadata TEXT NOT NULL,
    words INTEGER NOT NULL,
    created_at REAL NOT NULL,
    stored_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    importance REAL NOT NULL DEFAULT 0.5,
    recalls INTEGER NOT NULL DEFAULT 0,
    anchor REAL NOT NULL,
    recalled_at REAL,
    pinned INTEGER NOT NULL DEFAULT 0,
    expires_at REAL,
    faded_at REAL
) STRICT;
CREATE INDEX memory_of_owner ON memory (owner, seq);
CREATE INDEX memory_of_run ON memory (owner, run_id, seq) WHERE run_id IS NOT NULL;
CREATE INDEX memory_faded ON memory (faded_at) WHERE faded_at IS NOT NULL;
CREATE INDEX memory_created ON memory (created_at);
CREATE TABLE vector (seq INTEGER PRIMARY KEY REFERENCES memory, vector BLOB NOT NULL) STRICT;
CREATE TABLE posting (
    owner INTEGER NOT NULL,
    term TEXT NOT NULL,
    seq INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (owner, term, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE index_pending (seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE pause (start REAL PRIMARY KEY, end REAL NOT NULL) STRICT;
"""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection that any one thread at a time may use; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA cache_size = -4000")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def open_database(path: Path, embedding: str) -> sqlite3.Connection:
    """The writing connection to a store of this version, made if there is none.

    Raises StoreError where the file is no store, or one that a newer version wrote.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; {needed} or newer is needed")
    try:
        connection = connect(path)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StoreError(
                f"{path} was written by a newer version (its schema is {version}, this program knows {VERSION}); "
                "run that version or a newer one"
            )
        if version == 0:
            _create(connection, embedding)
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} cannot be opened: {error}") from error
    return connection


def _create(connection: sqlite3.Connection, embedding: str) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only a database without tables takes it
    notes = {"store_id": str(uuid.uuid4()), "embedding": embedding, "word_rules": str(RULES)}
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.split(";\n"):
        connection.execute(statement)
    connection.executemany("INSERT INTO note VALUES (?, ?)", notes.items())
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
