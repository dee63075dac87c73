"""The tables, their version, and how a connection is set up."""

import sqlite3
import uuid
from pathlib import Path

from memorybank_service.store import StoreError, erasure, going_back, notes, spaces
from memorybank_service.store.days import DAY_OF_MEMORY
from memorybank_service.store.foreign_log import remove_foreign_log
from memorybank_service.store.records import Space
from memorybank_service.store.words import RULES

VERSION = 3
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables; Debian 12 has 3.40

# What a model makes, what waits to be done, and what was answered: all of it names its owner, so that erasing a person
# finds everything. `job_queued` keeps two jobs of one key from waiting at once.
_SINCE_2 = """
CREATE INDEX memory_superseded ON memory (superseded_by) WHERE superseded_by IS NOT NULL;
CREATE TABLE source (made INTEGER NOT NULL, source INTEGER NOT NULL, PRIMARY KEY (made, source)) STRICT, WITHOUT ROWID;
CREATE INDEX source_of ON source (source);
CREATE TABLE tombstone (
    owner INTEGER NOT NULL, digest BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (owner, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id TEXT NOT NULL,
    owner INTEGER NOT NULL,
    action TEXT NOT NULL,
    old_content TEXT,
    new_content TEXT,
    at REAL NOT NULL,
    actor TEXT
) STRICT;
CREATE INDEX history_of_memory ON history (memory_id, id);
CREATE INDEX history_of_owner ON history (owner);
CREATE TABLE summary (
    owner INTEGER NOT NULL,
    kind TEXT NOT NULL,
    day TEXT NOT NULL,
    text TEXT NOT NULL,
    sources TEXT NOT NULL,
    model TEXT NOT NULL,
    made_at REAL NOT NULL,
    PRIMARY KEY (owner, kind, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE summary_due (
    owner INTEGER NOT NULL, day TEXT NOT NULL, since REAL NOT NULL, PRIMARY KEY (owner, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE embed_pending (seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE vector_next (seq INTEGER PRIMARY KEY REFERENCES memory, vector BLOB NOT NULL) STRICT;
CREATE TABLE vector_old (seq INTEGER PRIMARY KEY REFERENCES memory, vector BLOB NOT NULL) STRICT;
CREATE TABLE reply (
    key_name TEXT NOT NULL,
    route TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    digest BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    at REAL NOT NULL,
    owner INTEGER,
    PRIMARY KEY (key_name, route, idempotency_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX reply_at ON reply (at);
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,
    owner INTEGER,
    key TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    progress TEXT NOT NULL DEFAULT '{}',
    result TEXT,
    error TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX job_due ON job (state, due);
CREATE UNIQUE INDEX job_queued ON job (key) WHERE key IS NOT NULL AND state = 'queued';
CREATE TABLE erasure (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, at REAL NOT NULL, counts TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE usage (day TEXT PRIMARY KEY, tokens INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

# `owner` stands for a user by a small number. A vector has a table of its own: rows without it are small enough to be
# read by the thousand.
# `index_pending` names the memories whose entry in the vector index is not what it should be: to be written if there
# is a vector, to be removed if there is none. `embed_pending` names those that wait for their vector.
# Windows and sessions need no lists: (owner, run_id, seq) gives a memory's neighbours, `posting` their terms.
_TABLES = f"""
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
    marks INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    stored_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    importance REAL NOT NULL DEFAULT 0.5,
    recalls INTEGER NOT NULL DEFAULT 0,
    anchor REAL NOT NULL,
    recalled_at REAL,
    pinned INTEGER NOT NULL DEFAULT 0,
    expires_at REAL,
    faded_at REAL,
    kind TEXT NOT NULL DEFAULT 'turn',
    superseded_by TEXT,
    added_by TEXT
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
{_SINCE_2}"""

# What turns a store of one version into one of the next.
_FROM_1 = """
ALTER TABLE memory ADD COLUMN kind TEXT NOT NULL DEFAULT 'turn';
ALTER TABLE memory ADD COLUMN superseded_by TEXT;
ALTER TABLE memory ADD COLUMN marks INTEGER NOT NULL DEFAULT 0;
"""
_DUE_DAYS = f"""
SELECT owner, {DAY_OF_MEMORY} AS day, max(stored_at) FROM memory JOIN owner USING (owner)
    WHERE user_id <> '' GROUP BY owner, day
"""  # noqa: S608 - our names
_DUE = f"INSERT INTO summary_due {_DUE_DAYS}"
# A fact whose successor was deleted stays superseded, by none that there is. Stores of this version may lack the days
# that are due.
_FROM_2 = f"""
ALTER TABLE memory ADD COLUMN added_by TEXT;
UPDATE memory SET superseded_by = '' WHERE superseded_by NOT IN (SELECT id FROM memory);
CREATE TABLE IF NOT EXISTS summary_due (
    owner INTEGER NOT NULL, day TEXT NOT NULL, since REAL NOT NULL, PRIMARY KEY (owner, day)
) STRICT, WITHOUT ROWID;
INSERT INTO summary_due SELECT * FROM ({_DUE_DAYS})
    WHERE NOT EXISTS (SELECT 1 FROM summary_due) AND NOT EXISTS (SELECT 1 FROM summary)
"""  # noqa: S608 - our names
_MIGRATIONS = {1: [_FROM_1, _SINCE_2, "INSERT INTO embed_pending SELECT seq FROM memory", _DUE], 2: [_FROM_2]}


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection that any one thread at a time may use; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.create_function("casefold", 1, _casefold, deterministic=True)  # SQLite's own lower() knows ASCII alone
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA cache_size = -4000")
    # What a statement puts aside stays out of files: a pod has no folder for it, and erasing would not find it there.
    connection.execute("PRAGMA temp_store = MEMORY")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _casefold(value: object) -> str | None:
    return value.casefold() if isinstance(value, str) else None


def open_database(path: Path, space: Space) -> sqlite3.Connection:
    """The writing connection to a store of this version, made if there is none, brought up to it if it is older.

    Raises StoreError where the file is no store, or one that a newer version wrote to.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; {needed} or newer is needed")
    remove_foreign_log(path)
    try:
        connection = connect(path)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION and going_back.take_copy(connection, path, copy_before_migration(path, VERSION), VERSION):
            connection, version = connect(path), VERSION
        if version > VERSION:
            raise StoreError(
                f"{path} was written by a newer version (its schema is {version}, this program knows {VERSION}); "
                "run that version or a newer one, or restore a backup that is older"
            )
        if version == 0:
            _create(connection, space)
        connection.execute("PRAGMA journal_mode = WAL")
        if 0 < version < VERSION:
            _migrate(connection, path, version)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} cannot be opened: {error}") from error
    return connection


def copy_before_migration(path: Path, version: int) -> Path:
    """Where the store of an older version is kept when a newer one takes it over: the way back to the older program."""
    return path.with_name(f"{path.stem}.schema-{version}{path.suffix}")


def copies_before_migration(path: Path) -> list[Path]:
    """Those that are there, unfinished ones too."""
    return sorted(path.parent.glob(f"{path.stem}.schema-*"))


def _create(connection: sqlite3.Connection, space: Space) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # only a database without tables takes it
    connection.execute("BEGIN IMMEDIATE")
    _run(connection, _TABLES)
    notes.write(connection, {"store_id": str(uuid.uuid4()), "word_rules": str(RULES)})
    spaces.record(connection, space)
    erasure.make_key(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """All or nothing; the copy is whole before the first change."""
    going_back.make_copy(connection, copy_before_migration(path, version))
    connection.execute("BEGIN IMMEDIATE")
    for step in range(version, VERSION):
        for statements in _MIGRATIONS[step]:
            _run(connection, statements)
    going_back.note_untouched(connection, version)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _run(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)
