"""Files that are on the disk when they are said to be."""

import os
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, content: Iterable[bytes]) -> int:
    """How many bytes."""
    with path.open("wb") as file:
        for piece in content:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def sync(directory: Path) -> None:
    """The names in it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
