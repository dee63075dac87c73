"""A tenant's memories into a file, and from one."""

from __future__ import annotations

import io
import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from memorybank.cli.command import Command
from memorybank.cli.progress import Progress

if TYPE_CHECKING:
    from memorybank import Job, MemoryBankClient

STANDARD = Path("-")


class Told(io.RawIOBase):
    """A file that tells how much of it was read or written."""

    def __init__(self, file: IO[bytes], progress: Progress, doing: str) -> None:
        self._file, self._progress, self._doing = file, progress, doing
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._bytes = 0
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._passed(self._file.read(size))

    def write(self, piece: Any) -> int:
        return self._file.write(self._passed(piece))

    def _passed(self, piece: bytes) -> bytes:
        self._bytes += len(piece)
        self._progress.say(f"{self._doing}, {self._bytes / (1 << 20):.1f} MB so far")
        return piece


def _export(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    if options.file == STANDARD:
        client.export_to(_told(sys.stdout.buffer, progress, "exporting"), options.user)
        sys.stdout.buffer.flush()
        return None
    # Under another name until it is whole, so that nobody takes a part of it for an export.
    part = options.file.with_name(options.file.name + ".part")
    try:
        with part.open("wb") as file:
            count = client.export_to(_told(file, progress, "exporting"), options.user)
        part.replace(options.file)
    finally:
        part.unlink(missing_ok=True)
    return {"file": str(options.file), "bytes": count}


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", default=STANDARD, metavar="FILE", help="default: standard output")
    parser.add_argument("--user", metavar="ID", help="of this user only")


def _import(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    def look(job: Job) -> None:
        done = ", ".join(f"{name} {value}" for name, value in job.progress.items())
        progress.say(f"taking in{': ' if done else ''}{done}")

    if options.file == STANDARD:
        file = _told(sys.stdin.buffer, progress, "sending")
        return client.import_(file, wait=options.wait, on_look=look)
    with options.file.open("rb") as opened:
        return client.import_(_told(opened, progress, "sending"), wait=options.wait, on_look=look)


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="NDJSON; - for standard input")
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until all is taken in")


def _refused(job: Job) -> str | None:
    result = job.result or {}
    if not result.get("refused"):
        return None
    firsts = [f"line {error['line']}: {error['field']} {error['message']}" for error in result["errors"][:1]]
    return "; ".join([f"{result['refused']} lines were refused", *firsts])


def _told(file: Any, progress: Progress, doing: str) -> Any:
    return Told(file, progress, doing)


COMMANDS = [
    Command(
        "export",
        "write all memories to a file, with vectors and history (NDJSON)",
        _export,
        _export_arguments,
        """\
  memorybank export customer1.ndjson
  memorybank export --user ada | gzip > ada.ndjson.gz""",
    ),
    Command(
        "import",
        "take in an export, or memories one a line (NDJSON)",
        _import,
        _import_arguments,
        """\
  memorybank import customer1.ndjson
  gunzip < ada.ndjson.gz | memorybank import -
  echo '{"content": "Tea is at five.", "user_id": "ada"}' | memorybank import -""",
        complaint=_refused,
    ),
]
