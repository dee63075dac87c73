"""What is known of a running cluster, on disk: enough to find it again and to end all of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass, replace
from pathlib import Path

FILE = "state.json"
NODE_MODULE = "e2e.cluster.node"


@dataclass(frozen=True)
class State:
    """A cluster by the first process of its namespaces.

    `born` is that process's start in clock ticks since the machine's: with the pid it names one process for ever, so
    that another that got the same pid later is never taken for it. `ready` is set once all of the cluster answers.
    """

    pid: int
    born: int
    api_port: int
    http_port: int
    ready: bool = False

    def alive(self) -> bool:
        return birth(self.pid) == self.born

    def kill(self) -> None:
        """Ends the cluster's first process and with it, by the kernel, all others and their mounts and network."""
        if self.alive():
            kill(self.pid)

    def write(self, directory: Path) -> None:
        partial = directory / f"{FILE}.part"
        partial.write_text(json.dumps(asdict(self)) + "\n")
        partial.rename(directory / FILE)

    def mark_ready(self, directory: Path) -> State:
        ready = replace(self, ready=True)
        ready.write(directory)
        return ready


def read(directory: Path) -> State | None:
    """None where there is no cluster, nor the rest of one."""
    try:
        return State(**json.loads((directory / FILE).read_text()))
    except FileNotFoundError:
        return None


def birth(pid: int) -> int | None:
    """When a process was started, in clock ticks since the machine's start; None when it is gone (or a zombie)."""
    fields = _stat(pid)
    return int(fields[19]) if fields and fields[0] != "Z" else None


def first_process(directory: Path) -> int | None:
    """The first process of the cluster in `directory`, by its command line: known even before its state is written."""
    command = f"\0{NODE_MODULE}\0{directory}\0"
    found = (entry for entry in _processes() if command in _read(entry / "cmdline") and _is_first(entry))
    return next((int(entry.name) for entry in found), None)


def processes_of(pid: int) -> set[str]:
    """The names of the programs that run in a process's namespace."""
    inside = _namespace(Path(f"/proc/{pid}"))
    return {_program(entry) for entry in _processes() if inside and _namespace(entry) == inside}


def pids_of(pid: int, program: str) -> list[int]:
    """The processes of one program in a process's namespace, as the host numbers them."""
    inside = _namespace(Path(f"/proc/{pid}"))
    entries = [entry for entry in _processes() if _program(entry) == program]
    return [int(entry.name) for entry in entries if inside and _namespace(entry) == inside]


def mentioning(text: str) -> list[str]:
    """The command lines of all processes on the machine that hold a text."""
    lines = (_read(entry / "cmdline").replace("\0", " ").strip() for entry in _processes())
    return [line for line in lines if text in line]


def kill(pid: int) -> None:
    """SIGKILL; no error when the process is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _processes() -> list[Path]:
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _program(entry: Path) -> str:
    """By how it was called: a program of many names is each of them, and Python is the module that it runs."""
    words = _read(entry / "cmdline").split("\0")
    return words[2].rpartition(".")[2] if words[1:2] == ["-m"] else Path(words[0]).name


def _namespace(entry: Path) -> str | None:
    """None for a process that is gone, or more privileged than we are: none of ours."""
    try:
        return str((entry / "ns" / "pid").readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _is_first(entry: Path) -> bool:
    """Whether a process has the number 1 in a namespace below ours."""
    numbers = [line.split()[1:] for line in _read(entry / "status").splitlines() if line.startswith("NSpid:")]
    return bool(numbers) and len(numbers[0]) > 1 and numbers[0][-1] == "1"


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third, the state, on: the second may hold spaces."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()


def _read(path: Path) -> str:
    """A file of /proc; empty when its process is gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
