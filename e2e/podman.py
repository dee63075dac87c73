"""podman with its compose front end, in a network of its own and with everything it keeps in one folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
ENGINE = """\
[containers]
# What a container is allowed by default is more than the one who starts it may have.
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""


@dataclass(frozen=True)
class Podman:
    folder: Path
    network: str

    def __call__(self, *command: str, check: bool = True, variables: Mapping[str, str] | None = None) -> str:
        """What a command prints that runs beside the containers: `podman ...`, `podman-compose ...`."""
        # `ip netns exec` would hide the control groups, which the engine needs.
        within = ["nsenter", f"--net=/run/netns/{self.network}", "--", *command]
        done = subprocess.run(
            within, env=self._environment(variables or {}), text=True, capture_output=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def python(self, script: str, *arguments: str) -> str:
        """What a script of ours prints, run beside the containers."""
        return self(sys.executable, "-c", script, *arguments).strip()

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        own = {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
        }
        return {**own, **variables}


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """Nothing of it is left afterwards: no container, no image, no network."""
    network = f"compose-{os.getpid()}"
    (folder / "networks").mkdir()
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    (folder / "containers.conf").write_text(ENGINE.format(folder=folder))
    subprocess.run(["ip", "netns", "add", network], check=True)
    engine = Podman(folder, network)
    try:
        engine("ip", "link", "set", "lo", "up")
        yield engine
    finally:
        engine("podman", "rm", "--all", "--force", "--time=5")
        engine("podman", "system", "reset", "--force")
        subprocess.run(["ip", "netns", "delete", network], check=True)
