"""What every kind of cluster gives to who uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from e2e.cluster.progress import Progress


@dataclass(frozen=True)
class Access:
    """How to reach a running cluster: its kubectl, its kubeconfig, and the URL of its ingress controller."""

    kubectl: Path
    kubeconfig: Path
    ingress: str


@dataclass(frozen=True)
class Part:
    """One line of `status`."""

    name: str
    healthy: bool
    detail: str = ""


class Cluster(Protocol):
    """A Kubernetes that can be brought up, used and taken down; each method raises ClusterError for the user."""

    def up(self, progress: Progress) -> Access: ...

    def down(self, progress: Progress) -> None: ...

    def access(self) -> Access: ...

    def status(self) -> list[Part]: ...

    def load_image(self, archive: Path, progress: Progress) -> str:
        """Makes the image of a docker-archive usable by pods, and answers its name."""
        ...

    def shell(self) -> list[str]:
        """The command of a shell where the cluster can be looked at."""
        ...
