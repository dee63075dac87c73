"""A log that lies beside a database it does not belong to, as after a backup was put in the place of a killed store.

SQLite would play it into the backup and destroy it. A store in use says in its header that it has a log, and a backup
says that it has none: so one beside it is another's.
"""

import logging
from pathlib import Path

log = logging.getLogger(__name__)
_MAGIC, _NO_LOG = b"SQLite format 3\0", b"\x01\x01"  # the versions for writing and reading, at 18 and 19


def remove_foreign_log(database: Path) -> None:
    """Before it is opened by anyone."""
    leftovers = [database.with_name(database.name + suffix) for suffix in ("-wal", "-shm")]
    if not any(leftover.exists() for leftover in leftovers):
        return
    try:
        with database.open("rb") as file:
            header = file.read(20)
    except FileNotFoundError:
        return
    if header.startswith(_MAGIC) and header[18:20] == _NO_LOG:
        log.warning("a log that belongs to another database is removed")
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
