"""Copies of the truth on its own volume, made while it is written to, and offered only when they are whole.

A copy is the database as it was at one moment, with two marks: that it is a copy, and that no index belongs to it. To
restore it is to put it in the place of `memory.db` while the service is stopped.
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from memorybank_service.store import Backup, StoreError, StoreFullError, notes, spaces
from memorybank_service.store.index_source import SEAL
from memorybank_service.store.room import RESERVE_BYTES, Room
from memorybank_service.store.schema import VERSION, connect
from memorybank_service.store.told import telling
from memorybank_service.store.upkeep import SqliteUpkeep

COPIED_AT, COPY_ID = "copied_at", "copy_id"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_FILE, _MANIFEST = "memory.db", "manifest.json"
_STEP_PAGES = 1_000


@telling
class SqliteBackups:
    def __init__(self, path: Path, room: Room, upkeep: SqliteUpkeep) -> None:
        self._path, self._room, self._upkeep = path, room, upkeep
        self._directory = path.parent / "backups"

    def listed(self) -> list[Backup]:
        """The latest first."""
        if not self._directory.exists():
            return []
        names = sorted((entry.name for entry in self._directory.iterdir()), reverse=True)
        return [backup for name in names if (backup := self.find(name)) is not None]

    def find(self, backup_id: str) -> Backup | None:
        if not _ID.fullmatch(backup_id):
            return None
        try:
            return Backup(**json.loads((self._directory / backup_id / _MANIFEST).read_bytes()))
        except FileNotFoundError:
            return None

    def file(self, backup_id: str) -> Path:
        """Of one that there is."""
        return self._directory / backup_id / _FILE

    def remove(self, backup_id: str) -> bool:
        """Whether there was one."""
        if self.find(backup_id) is None:
            return False
        # Not offered any more from here on, whatever comes in between.
        doomed = self._directory / f".{backup_id}.part"
        (self._directory / backup_id).rename(doomed)
        shutil.rmtree(doomed)
        return True

    def make(self, backup_id: str, now: float) -> Backup:
        """Raises StoreFullError where there is no room; the one that is there already is taken for done."""
        if (done := self.find(backup_id)) is not None:
            return done
        self.clear_unfinished()
        self.require_room()
        part = self._directory / f".{backup_id}.part"
        part.mkdir(parents=True)
        try:
            made = self._copy(part / _FILE, backup_id, now)
            _write(part / _MANIFEST, json.dumps(asdict(made), indent=2).encode())
            part.rename(self._directory / backup_id)
            _sync(self._directory)
        except sqlite3.Error as error:
            raise _told(error) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return made

    def clear_unfinished(self) -> None:
        for part in self._directory.glob(".*.part"):
            shutil.rmtree(part)

    def require_room(self) -> None:
        """Raises StoreFullError where there is none for one more."""
        log = self._path.with_name(self._path.name + "-wal")
        needed = self._path.stat().st_size + (log.stat().st_size if log.exists() else 0) + RESERVE_BYTES
        if (free := self._room.free_bytes()) < needed:
            raise StoreFullError(
                f"a backup needs {_megabytes(needed)} MB of room and there are {_megabytes(free)}: "
                "delete older backups or give the tenant more storage"
            )

    def _copy(self, target: Path, backup_id: str, now: float) -> Backup:
        with closing(connect(self._path, read_only=True)) as source, closing(sqlite3.connect(target)) as copy:
            copy.isolation_level = None
            copy.execute("PRAGMA synchronous = OFF")  # it is synchronised as a whole
            source.execute("BEGIN")  # one moment for all pages, however long it takes
            source.execute("SELECT 1 FROM note LIMIT 1").fetchone()
            source.backup(copy, pages=_STEP_PAGES, progress=lambda *_: self._upkeep.look_up())
            source.execute("COMMIT")
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()  # one file and nothing beside it
            copy.execute("BEGIN")
            notes.write(copy, {COPIED_AT: repr(now), COPY_ID: backup_id, SEAL: ""})
            copy.execute("UPDATE job SET state = 'cancelled' WHERE kind = 'backup' AND state IN ('queued', 'running')")
            copy.execute("COMMIT")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise StoreError(f"the copy is damaged: {found}")
            memories = copy.execute("SELECT count(*) FROM memory").fetchone()[0]
            users = copy.execute("SELECT count(*) FROM owner WHERE user_id <> '' AND memories > 0").fetchone()[0]
            space = spaces.recorded(copy)
        with target.open("rb+") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Backup(backup_id, now, target.stat().st_size, digest, memories, users, VERSION, space.name)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE):
        return StoreFullError("the volume became full while the backup was made")
    return StoreError(f"the backup could not be made: {error}")


def _megabytes(size: int) -> int:
    return -(-size // (1 << 20))
