"""Where the cluster keeps what it builds, and what it forgets."""

from __future__ import annotations

import os
import re
from pathlib import Path

from e2e.cluster.errors import ClusterError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = "MEMORYBANK_CLUSTER"


def cache_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memorybank"


def programs_directory() -> Path:
    """What was built: kept until its sources change."""
    return cache_directory() / "bin"


def cluster_name() -> str:
    """The cluster that commands mean. Clusters of different names live side by side on one machine."""
    name = os.environ.get(NAME) or "memorybank"
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise ClusterError(f"{NAME}={name!r} is no cluster's name: use up to 31 of a-z, 0-9 and '-', a letter first")
    return name


def state_directory(name: str) -> Path:
    """A running cluster's files: gone after `down`."""
    return cache_directory() / "cluster" / name
