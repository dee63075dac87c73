"""Says in one sentence what the machine lacks for a local cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import cgroups
from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import HERE

LIST = HERE / "prerequisites.txt"
ELSEWHERE = "or choose another Kubernetes with CLUSTER=kind or CLUSTER=current"


def search_path() -> str:
    """PATH with the administrator's folders, which Debian leaves out of a user's."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def needed(text: str) -> list[tuple[str, str]]:
    """(program or file, Debian package) of each line."""
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return [(program, package) for program, package in lines]


def installed(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else bool(shutil.which(program, path=search_path()))


def missing(text: str, has: Callable[[str], bool] = installed) -> str | None:
    """The sentence about what is missing; None when nothing is."""
    packages = list(dict.fromkeys(package for program, package in needed(text) if not has(program)))
    if not packages:
        return None
    names = " ".join(packages)
    return (
        f"The local cluster lacks {', '.join(packages)}: apt-get install --no-install-recommends {names}, {ELSEWHERE}."
    )


def check() -> None:
    """Raises ClusterError with the first thing that the machine lacks."""
    if os.geteuid() != 0:
        raise ClusterError(
            f"The local cluster needs root, for its network and its mounts: run it with sudo, {ELSEWHERE}."
        )
    sentence = missing(LIST.read_text())
    if sentence:
        raise ClusterError(sentence)
    unshare = ["unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "true"]
    done = subprocess.run(unshare, text=True, capture_output=True, check=False)
    fixed = [str(hierarchy) for hierarchy in cgroups.hierarchies() if not os.access(hierarchy, os.W_OK)]
    if fixed:
        raise ClusterError(
            f"No cgroup can be made in {fixed[0]}: give the container that this is more rights, {ELSEWHERE}."
        )
    if done.returncode:
        reason = done.stderr.strip().removeprefix("unshare: ")
        raise ClusterError(
            f"This machine allows no namespaces ({reason}): give the container that this is more rights, {ELSEWHERE}."
        )
