"""NDJSON on its way to the service: a file as it is, or records one a line, never all of it in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

from memorybank.wire import encoded

NDJSON = "application/x-ndjson"
PIECE_BYTES = 256 << 10

Source = IO[bytes] | Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Upload:
    pieces: Callable[[], Iterator[bytes]]
    """Called anew at each attempt."""
    is_repeatable: bool
    """False: the source (a pipe, an iterator) can be read only once."""
    content_type: str = NDJSON


def upload(source: Source) -> Upload:
    """Of a binary file, from where it stands, or of records, each a line."""
    if hasattr(source, "read"):
        return _file(cast("IO[bytes]", source))
    return Upload(lambda: _lines(source), is_repeatable=not isinstance(source, Iterator))


def _file(file: IO[bytes]) -> Upload:
    start = file.tell() if file.seekable() else None

    def pieces() -> Iterator[bytes]:
        if start is not None:
            file.seek(start)
        while piece := file.read(PIECE_BYTES):
            if isinstance(piece, str):
                raise TypeError("the file must be opened in binary mode, as by open(path, 'rb')")
            yield piece

    return Upload(pieces, is_repeatable=start is not None)


def _lines(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    gathered = bytearray()
    for record in records:
        gathered += encoded(record) + b"\n"
        if len(gathered) >= PIECE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)
