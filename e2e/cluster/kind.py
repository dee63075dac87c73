"""A node in Docker: CLUSTER=kind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from e2e.cluster import addons
from e2e.cluster.access import Access, Part
from e2e.cluster.addons import INGRESS_PORT, Applier
from e2e.cluster.archive import image_identity
from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import cluster_name, state_directory
from e2e.cluster.ports import http_port
from e2e.cluster.progress import Progress


def configuration(port: int) -> dict[str, Any]:
    """One node whose ingress port is `port` of the machine's loopback."""
    mapping = {"containerPort": INGRESS_PORT, "hostPort": port, "listenAddress": "127.0.0.1", "protocol": "TCP"}
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": "control-plane", "extraPortMappings": [mapping]}],
    }


class KindCluster:
    """The kind cluster of a name, with the CRDs and the Traefik of the local cluster."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or cluster_name()
        self.kubeconfig = state_directory(f"kind-{self.name}") / "kubeconfig"

    def up(self, progress: Progress) -> Access:
        if self.name not in run("kind", "get", "clusters").splitlines():
            with progress.step("Creating the kind cluster"):
                create = ("kind", "create", "cluster", f"--name={self.name}", "--config=-", "--wait=2m")
                run(*create, stdin=yaml.safe_dump(configuration(http_port())))
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        run("kind", "export", "kubeconfig", f"--name={self.name}", f"--kubeconfig={self.kubeconfig}")
        access = self.access()
        applier = Applier(str(access.kubectl), f"--kubeconfig={access.kubeconfig}")
        with progress.step("Applying the CRDs and Traefik"):
            addons.apply_crds(applier)
            addons.apply_published_traefik(applier)
        return access

    def down(self, progress: Progress) -> None:
        with progress.step("Deleting the kind cluster"):
            run("kind", "delete", "cluster", f"--name={self.name}")
        shutil.rmtree(self.kubeconfig.parent, ignore_errors=True)

    def access(self) -> Access:
        return Access(addons.installed_kubectl(), self.kubeconfig, f"http://127.0.0.1:{http_port()}")

    def status(self) -> list[Part]:
        there = self.name in run("kind", "get", "clusters").splitlines()
        return [Part("cluster", there, "" if there else "No cluster runs: `python -m e2e.cluster up` starts one.")]

    def load_image(self, archive: Path, progress: Progress) -> str:
        with progress.step(f"Loading {archive.name} into kind"):
            run("kind", "load", "image-archive", str(archive), f"--name={self.name}")
        return image_identity(archive)[0]

    def shell(self) -> list[str]:
        return ["docker", "exec", "--interactive", "--tty", f"{self.name}-control-plane", "bash"]


def run(*command: str, stdin: str | None = None) -> str:
    if not shutil.which(command[0]):
        raise ClusterError(
            f"CLUSTER=kind needs the program {command[0]}, which is not here: see https://kind.sigs.k8s.io."
        )
    done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
    if done.returncode:
        raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
