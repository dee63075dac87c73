"""An API server with its etcd and controllers, nodes on paper that make pods ready, and an audit log by user."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from e2e.cluster import simulated
from e2e.cluster.addons import Applier
from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.paths import ROOT
from e2e.cluster.processes import start, stop
from e2e.cluster.progress import Progress

NODES = 4
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/no-provisioner",
}


@contextlib.contextmanager
def plane(directory: Path, user: str, progress: Progress) -> Iterator[ControlPlane]:
    """While the context lasts; what `user` asks of the API server stands in `audit_log(directory)`."""
    directory.mkdir(parents=True)
    policy = directory / "audit-policy.json"
    policy.write_text(json.dumps(_policy(user)))
    flags = (f"--audit-policy-file={policy}", f"--audit-log-path={audit_log(directory)}", "--audit-log-maxsize=4096")
    with ControlPlane(directory / "plane", api_flags=flags, progress=progress) as made:
        kwok = start(_kwok(directory, made.kubeconfig, progress), directory / "plane" / "logs" / "kwok.log")
        try:
            applier = Applier(str(made.kubectl), f"--kubeconfig={made.kubeconfig}")
            applier.apply(stdin=simulated.nodes(NODES))
            applier.apply(stdin=json.dumps(STORAGE_CLASS))
            for crd in sorted((ROOT / "crds").glob("*.yaml")):
                applier.apply(stdin=crd.read_text())
            yield made
        finally:
            stop([kwok])


def audit_log(directory: Path) -> Path:
    return directory / "audit.log"


def _policy(user: str) -> dict[str, object]:
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [user]}, {"level": "None"}],
    }


def _kwok(directory: Path, kubeconfig: Path, progress: Progress) -> list[str]:
    """kwok's command, with pods that have no address: the operator would read their metrics there."""
    command = simulated.kwok(program(COMPONENTS["kwok"], progress), kubeconfig)
    ready = directory / "pod-ready.yaml"
    original = next(part for part in command if part.endswith("pod-ready.yaml"))
    text = Path(original.removeprefix("--config=")).read_text()
    before, _, after = text.partition("      {{ $podIPs :=")
    ready.write_text(before + after[after.index("      phase: Running") :])
    return [f"--config={ready}" if part == original else part for part in command]
