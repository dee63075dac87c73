"""The way back to an older program, after a newer one has brought the store up to its own schema.

A migration first puts a copy of the store beside it, and notes in the store that nothing was written since. The first
write that somebody gets an answer to takes that note away. As long as it is there the copy is worth as much as the
store, and an older program that finds both takes the copy in its place: a release that never came to answer anybody is
rolled back without loss. The service's own book-keeping (recalls, the state of jobs, the index) does not count.
"""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from memorybank_service.store import notes
from memorybank_service.store.foreign_log import remove_foreign_log

log = logging.getLogger(__name__)
_UNTOUCHED = "untouched_since_schema"


def make_copy(connection: sqlite3.Connection, copy: Path) -> None:
    """A copy of the store that is on disk, whole, or not there at all."""
    unfinished = copy.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(unfinished),))
    _sync(unfinished)
    unfinished.replace(copy)
    _sync(copy.parent)


def note_untouched(connection: sqlite3.Connection, version: int) -> None:
    """Within the migration: nothing was written since the store had this schema."""
    notes.write(connection, {_UNTOUCHED: str(version)})


def note_touched(connection: sqlite3.Connection) -> None:
    """Within a write that somebody gets an answer to."""
    connection.execute("DELETE FROM note WHERE name = ?", (_UNTOUCHED,))


def take_copy(newer: sqlite3.Connection, path: Path, copy: Path, version: int) -> bool:
    """Put the copy of this schema in the place of the newer store, if nothing is lost by it; closes the newer then."""
    try:
        if notes.read(newer, _UNTOUCHED) != str(version) or not copy.exists() or _version(copy) != version:
            return False
    except sqlite3.DatabaseError:
        return False  # a much newer store, or no whole copy
    newer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    newer.close()
    copy.replace(path)
    _sync(path.parent)
    remove_foreign_log(path)
    log.warning(
        "a newer version had taken the store over and written nothing: it is as it was before",
        extra={"schema": version},
    )
    return True


def _version(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
