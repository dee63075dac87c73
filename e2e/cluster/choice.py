"""Which Kubernetes is meant: CLUSTER=local, kind or current."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

from e2e.cluster.access import Cluster
from e2e.cluster.current import CurrentCluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.kind import KindCluster
from e2e.cluster.local import LocalCluster

KINDS: Mapping[str, Callable[[], Cluster]] = {"local": LocalCluster, "kind": KindCluster, "current": CurrentCluster}


def docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def chosen(docker: Callable[[], bool] = docker_answers) -> Cluster:
    """The cluster that CLUSTER names; without it kind where Docker answers, else local."""
    name = os.environ.get("CLUSTER") or ("kind" if docker() else "local")
    if name not in KINDS:
        raise ClusterError(f"CLUSTER={name!r} is no kind of cluster: use {', '.join(KINDS)}.")
    return KINDS[name]()
