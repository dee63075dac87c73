"""Uploads that wait to be imported: files of lines, each a JSON object, on disk before they are acknowledged.

A person who is erased is erased here too: their lines are overwritten with blanks in place, so that the numbers and
places of all others stay what they are.
"""

import errno
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from memorybank_service.store import StoreFullError
from memorybank_service.store.moved import SpooledLine
from memorybank_service.store.room import Room

LARGEST_LINE = 1 << 20
_LOOK_BYTES = 1 << 20  # written between two looks at the room that is left
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM = "the volume is full: delete memories or give the tenant more storage"


class Upload:
    """A file that is being written. One that is not kept leaves nothing behind."""

    def __init__(self, path: Path, room: Room) -> None:
        self._path, self._room = path, room
        self._part = path.with_suffix(f".{secrets.token_hex(4)}.part")
        self._part.parent.mkdir(exist_ok=True)
        self._file = self._part.open("wb", buffering=0)
        self._since_look = 0

    def write(self, lines: bytes) -> None:
        """Whole lines, many at a time. Raises StoreFullError."""
        self._since_look += len(lines)
        if self._since_look > _LOOK_BYTES:
            self._since_look = 0
            if not self._room.left:
                raise StoreFullError(_NO_ROOM)
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise _told(error) from error

    def keep(self) -> int:
        """On disk for good from here on; its size in bytes."""
        try:
            os.fsync(self._file.fileno())
            size = self._file.tell()
            self._file.close()
            self._part.replace(self._path)
            descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _told(error) from error
        return size

    def drop(self) -> None:
        """Unless it was kept."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class Spool:
    def __init__(self, directory: Path, room: Room) -> None:
        self._directory, self._room = directory, room

    def upload(self, name: str) -> Upload:
        """Raises StoreFullError."""
        if not self._room.left:
            raise StoreFullError(_NO_ROOM)
        try:
            return Upload(self._path(name), self._room)
        except OSError as error:
            raise _told(error) from error

    def lines(self, name: str, start: int) -> Iterator[SpooledLine]:
        """From the byte `start` on; what was erased is left out. Raises FileNotFoundError."""
        with self._path(name).open("rb") as file:
            file.seek(start)
            while line := file.readline(LARGEST_LINE):
                if line.strip():
                    yield SpooledLine(json.loads(line), file.tell())

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def erase(self, user_id: str) -> dict[str, int]:
        """How many lines were theirs."""
        erased = 0
        for path in sorted(self._directory.glob("*")):
            with path.open("r+b") as file:
                erased += _blank(file, user_id)
        return {"import_lines": erased}

    def tidy(self, wanted: set[str]) -> None:
        """Removes what no import is waiting for: a kill can come between the end of one and the end of its file."""
        for path in self._directory.glob("*"):
            if path.name not in {self._path(name).name for name in wanted}:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.ndjson"


def _blank(file: BinaryIO, user_id: str) -> int:
    erased, needle = 0, json.dumps(user_id, ensure_ascii=False).encode()
    while True:
        start = file.tell()
        line = file.readline(LARGEST_LINE)
        if not line.endswith(b"\n"):
            break
        if needle in line and json.loads(line).get("user_id") == user_id:
            file.seek(start)
            file.write(b" " * (len(line) - 1))
            file.seek(start + len(line))
            erased += 1
    if erased:
        file.flush()
        os.fsync(file.fileno())
    return erased


def _told(error: OSError) -> Exception:
    return StoreFullError(_NO_ROOM) if error.errno in _FULL else error
