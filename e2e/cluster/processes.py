"""Starts programs of the cluster, with their output in files, that die with who started them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster.errors import ClusterError

# Before a command: the kernel kills it when the thread that started it ends, also by SIGKILL.
BOUND = ("setpriv", "--pdeathsig", "KILL", "--")


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """A process that the kernel kills when the thread that called this ends, also by SIGKILL."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [*BOUND, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in a terminal is for who started us
        )


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ends them at once: what they would save is thrown away with them."""
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def last_lines(log: Path, count: int = 5) -> str:
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def alive(process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    """Raises ClusterError with the end of the log when the process is not there any more."""
    if process.poll() is not None:
        raise ClusterError(f"{name} ended with status {process.returncode}; {log} says:\n{last_lines(log)}")
