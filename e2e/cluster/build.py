"""Builds the cluster's programs from their Go modules, once, and checks them before each use.

A program lies in a folder named by a digest of all that it was made from, beside a manifest of its files' digests. A
file that does not match the manifest (cut short, altered) is built again, never run.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import programs_directory
from e2e.cluster.progress import Progress

MANIFEST = "manifest.json"
OLDEST_GO = (1, 26)


@dataclass(frozen=True)
class Component:
    """A Go module of ours and the program that is built from it.

    `links` are the names it is called by as well; `prepare` completes a writable copy of the sources before the build.
    """

    name: str
    title: str
    source: Path
    package: str = "."
    links: tuple[str, ...] = ()
    ldflags: str = "-s -w"
    tags: str = ""
    prepare: Callable[[Path], None] | None = field(default=None, compare=False)

    def key(self) -> str:
        """A digest of the sources, of how they are built and of the compiler."""
        total = hashlib.sha256(f"{go_version()}\0{self.package}\0{self.links}\0{self.ldflags}\0{self.tags}".encode())
        for path in sorted(path for path in self.source.rglob("*") if path.is_file()):
            total.update(f"{path.relative_to(self.source)}\0{sha256(path)}\0".encode())
        return total.hexdigest()[:12]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def go_version() -> str:
    """The compiler's version. Raises ClusterError where there is none, or one that is too old."""
    if not shutil.which("go"):
        raise ClusterError(
            "The local cluster is built with Go, which is not here: install Go 1.26 from https://go.dev/dl"
        )
    version = subprocess.run(["go", "env", "GOVERSION"], text=True, capture_output=True, check=True).stdout.strip()
    numbers = tuple(int(part) for part in version.removeprefix("go").split("-")[0].split(".")[:2])
    if numbers < OLDEST_GO:
        raise ClusterError(f"The local cluster needs Go 1.26 or newer and this is {version}: see https://go.dev/dl")
    return version


def program(component: Component, progress: Progress, top: Path | None = None) -> Path:
    """The path of the component's program, which is built first unless it is there as it was built."""
    top = top or programs_directory()
    folder = top / f"{component.name}-{component.key()}"
    if not intact(folder):
        top.mkdir(parents=True, exist_ok=True)
        with _alone(top / f"{component.name}.lock"):
            if not intact(folder):
                with progress.step(f"Building {component.title}"):
                    _build(component, folder)
                _remove_others(component, folder)
    return folder / component.name


def intact(folder: Path) -> bool:
    """Whether every file in a program's folder is as it was built."""
    try:
        recorded = json.loads((folder / MANIFEST).read_text())
        return bool(recorded) and recorded == contents(folder)
    except (FileNotFoundError, json.JSONDecodeError):
        return False


def contents(folder: Path) -> dict[str, str]:
    """What each name in a program's folder stands for: a file's digest, or where a link leads."""
    return {
        path.name: f"link to {path.readlink()}" if path.is_symlink() else sha256(path)
        for path in folder.iterdir()
        if path.name != MANIFEST
    }


def _build(component: Component, folder: Path) -> None:
    source = folder.parent / f".{component.name}"  # ours alone, and the same one each time: nothing is left in /tmp
    for old in (folder, source):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        shutil.copytree(component.source, source)
        if component.prepare:
            component.prepare(source)
        how = ["-trimpath", "-tags", component.tags, "-ldflags", component.ldflags]
        command = ["go", "build", *how, "-o", str(folder / component.name)]
        environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false"}
        done = subprocess.run(
            [*command, component.package], cwd=source, env=environment, text=True, capture_output=True, check=False
        )
    finally:
        shutil.rmtree(source, ignore_errors=True)
    if done.returncode:
        raise ClusterError(f"{component.title} could not be built: {_reason(done.stderr)}")
    for link in component.links:
        (folder / link).symlink_to(component.name)
    (folder / MANIFEST).write_text(json.dumps(contents(folder)) + "\n")


def _reason(output: str) -> str:
    """The compiler's complaint without the list of what it downloaded."""
    return "\n".join(line for line in output.splitlines() if not line.startswith("go: downloading")) or "no output"


def _remove_others(component: Component, folder: Path) -> None:
    """What earlier sources gave, unless a cluster that is up runs it."""
    clusters = [file.read_text() for file in folder.parent.parent.glob("cluster/*/node.json")]
    for other in folder.parent.glob(f"{component.name}-" + "?" * 12):
        if other != folder and not any(f"{other}/" in text for text in clusters):
            shutil.rmtree(other)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two that want the same program build it once."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
