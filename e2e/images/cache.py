"""Files in the user's cache: named by what they were made from, and checked before they are used."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import paths
from e2e.cluster.build import sha256


def cache_directory() -> Path:
    return paths.cache_directory() / "images"


@contextmanager
def alone() -> Iterator[None]:
    """Two that build images at the same time do it one after the other: they share the cache and buildah's storage."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    with (cache_directory() / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(root: Path, paths: Iterable[Path], *more: str) -> str:
    """One digest of the files below `paths` (names and contents) and of what else decides the result."""
    total = hashlib.sha256()
    for text in more:
        total.update(f"{text}\0".encode())
    for path in sorted(file for top in paths for file in _files(top)):
        total.update(f"{path.relative_to(root)}\0{sha256(path)}\0".encode())
    return total.hexdigest()[:16]


def _files(top: Path) -> list[Path]:
    if top.is_file():
        return [top]
    return [path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def cached(path: Path, make: Callable[[Path], None]) -> bool:
    """Makes `path` unless it is there as it was made; answers whether it had to be made.

    `make` writes to the path it is given. The digest of what it wrote is kept beside the file, and a file that does not
    have it any more (cut short, altered) is made again.
    """
    record = path.with_name(path.name + ".json")
    if path.is_file() and record.is_file() and json.loads(record.read_text())["sha256"] == sha256(path):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    make(partial)
    record.unlink(missing_ok=True)
    partial.rename(path)
    record.write_text(json.dumps({"sha256": sha256(path)}) + "\n")
    return True


def remove_others(path: Path, pattern: str) -> None:
    """Removes what earlier sources left beside `path`, so that the cache holds one file of a kind."""
    for other in path.parent.glob(pattern):
        if other.name.removesuffix(".json") != path.name:
            other.unlink()
