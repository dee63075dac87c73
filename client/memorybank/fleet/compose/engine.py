"""A container engine by its command line, docker or podman, with its compose front end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from memorybank.fleet.errors import NotInTimeError, RefusedError, SilentError

VARIABLE: Final = "MEMORYBANK_ENGINE"
ENGINES: Final = ("docker", "podman")
SECONDS: Final = 60.0
"""For what the engine does at once."""
STOP_SECONDS: Final = 30
PIECE: Final = 1 << 16


@dataclass(frozen=True)
class Engine:
    program: str
    front_end: tuple[str, ...]
    """The compose command."""

    def run(self, *arguments: str, seconds: float = SECONDS) -> str:
        """What it prints. Raises RefusedError with its last word."""
        done = _done([self.program, *arguments], seconds)
        if done.returncode:
            raise RefusedError(f"{self.program} {arguments[0]}: {_last(done.stderr) or _last(done.stdout)}")
        return done.stdout

    def compose(self, project: str, file: Path, *arguments: str, seconds: float) -> None:
        done = _done([*self.front_end, "-p", project, "-f", str(file), *arguments], seconds)
        if done.returncode:
            raise RefusedError(f"{' '.join(self.front_end)} {arguments[0]}: {_last(done.stderr) or _last(done.stdout)}")

    def find(self, what: str, name: str) -> dict[str, Any] | None:
        """A `container`, `volume`, `network` or `image` as the engine knows it; None: there is none."""
        done = _done([self.program, what, "inspect", name], SECONDS)
        if done.returncode == 0:
            found: list[dict[str, Any]] = json.loads(done.stdout)
            return found[0] if found else None
        said = _last(done.stderr)
        if "no such" in said.lower() or "not found" in said.lower():
            return None
        raise SilentError(f"{self.program} does not answer: {said}")

    def make_network(self, name: str, label: str) -> None:
        """One from which no other network of this kind is reached: Docker's never are, podman's where that is said."""
        apart = ["--opt=isolate=true"] if self.program == "podman" else []
        self.run("network", "create", f"--label={label}", *apart, name)

    def pieces(self, *arguments: str) -> Iterator[bytes]:
        """What it prints, both ways, as it comes."""
        command = [self.program, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
            assert running.stdout is not None  # noqa: S101 (it is a pipe)
            try:
                while piece := os.read(running.stdout.fileno(), PIECE):
                    yield piece
            finally:
                running.terminate()

    def remove(self, container: str) -> None:
        """Ended as it ends by itself, and gone."""
        self.run("stop", "-t", str(STOP_SECONDS), container, seconds=2 * STOP_SECONDS)
        self.run("rm", "--force", container)


def engine(variables: Mapping[str, str] = os.environ) -> Engine:
    """The one that is named, else the first that is there."""
    named = variables.get(VARIABLE)
    if named and named not in ENGINES:
        raise ValueError(f"${VARIABLE} is {named!r}: it may be {' or '.join(ENGINES)}")
    for program in [named] if named else ENGINES:
        if shutil.which(program, path=variables.get("PATH")):
            return Engine(program, _front_end(program, variables))
    raise SilentError(
        f"there is no {named or 'container engine'} here: install Docker with its compose plugin, or podman with"
        " podman-compose"
    )


def _front_end(program: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    if program == "podman" and shutil.which("podman-compose", path=variables.get("PATH")):
        return ("podman-compose",)
    return (program, "compose")


def _done(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotInTimeError(f"`{' '.join(command[:3])} ...` was not done in {seconds:g} s") from None
    except OSError as error:
        raise SilentError(f"{command[0]} cannot be run: {error.strerror}") from None


def _last(text: str) -> str:
    """The last line, in which command lines say what was wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
