"""An operator as a process, and what it takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from e2e.cluster.processes import alive, start

IMAGE = "registry.example/memorybank:v1"
TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 30


@dataclass(frozen=True)
class Program:
    """How one of the operators is started."""

    name: str
    title: str
    command: tuple[str, ...]


_AS_IN_IMAGE = (sys.executable, "-m", "bench.scale.as_in_image")
OURS = Program("operator", "MemoryBank's operator", (sys.executable, "-m", "memorybank_operator"))
NAIVE = Program("naive", "a naive kopf operator", (sys.executable, "-m", "bench.baselines.naive"))
BARE = Program("bare", "requests and watches alone", (sys.executable, "-m", "bench.baselines.bare"))
NOOP = Program("noop", "a kopf operator that does nothing", (*_AS_IN_IMAGE, "bench.baselines.noop"))


class Subject:
    """The process, while the context lasts."""

    def __init__(self, program: Program, kubeconfig: Path, log: Path) -> None:
        self.program = program
        self._kubeconfig = kubeconfig
        self._log = log
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Subject:
        environment = {
            "KUBECONFIG": str(self._kubeconfig),
            "MEMORYBANK_IMAGE": IMAGE,
            "HEALTH_PORT": "0",
            "METRICS_PORT": "0",
            "LOG_LEVEL": "warning",
        }
        assignments = [f"{name}={value}" for name, value in environment.items()]
        self._process = start(["env", *assignments, *self.program.command], self._log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu_seconds(self) -> float:
        """Of the processor's time so far, in user space and in the kernel."""
        alive(self._process, self.program.title, self._log)
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        """Resident, in MB (of 10^6 bytes)."""
        return self._status("VmRSS")

    def peak_memory_mb(self) -> float:
        return self._status("VmHWM")

    def settle(self, share: float = 0.03, seconds: float = 60.0) -> None:
        """Return when it takes less than this share of a processor over two seconds."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            before = self.cpu_seconds()
            time.sleep(2.0)
            if self.cpu_seconds() - before < share * 2.0:
                return

    def _status(self, field: str) -> float:
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
        raise RuntimeError(f"{field} is not told of {self.program.title}")
