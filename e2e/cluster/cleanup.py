"""Ends all of a local cluster, whole or half made: processes first, then what they kept busy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from e2e.cluster import cgroups, state
from e2e.cluster.api import until

SECONDS = 20


def clean(name: str, directory: Path) -> None:
    """Removes the cluster's processes, mounts, loop devices, cgroups and files. Nothing to do is no error."""
    known = state.read(directory)
    if known:
        known.kill()
        until("The cluster's first process ends", lambda: not known.alive(), SECONDS)
    unknown = state.first_process(directory)  # whose starter died before it wrote the state
    if unknown:
        state.kill(unknown)
        until("The cluster's first process ends", lambda: state.birth(unknown) is None, SECONDS)
    until("The cluster's cgroups are left", lambda: not cgroups.remove(name), SECONDS)
    # The kernel unmounts the volumes with the namespace, a moment after its last process.
    until("The cluster's loop devices are free", lambda: not loop_devices(directory), SECONDS)
    if directory.exists():
        shutil.rmtree(directory)


def loop_devices(directory: Path) -> list[str]:
    """The loop devices of the cluster's volumes."""
    done = subprocess.run(
        ["losetup", "--list", "--noheadings", "--output=NAME,BACK-FILE"], text=True, capture_output=True, check=True
    )
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    return [line[0] for line in lines if len(line) > 1 and line[1].startswith(f"{directory}/")]
