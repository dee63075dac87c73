"""The Kubernetes of the user's kubeconfig: CLUSTER=current. What is there stays as it is; what is missing is added."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from e2e.cluster import addons
from e2e.cluster.access import Access, Part
from e2e.cluster.addons import Applier
from e2e.cluster.archive import image_identity
from e2e.cluster.errors import ClusterError
from e2e.cluster.local import shell_program
from e2e.cluster.progress import Progress

INGRESS_URL = "MEMORYBANK_INGRESS_URL"
OURS = "app.kubernetes.io/managed-by=memorybank-cluster"


class CurrentCluster:
    """The cluster of the current context."""

    def __init__(self, applier: Callable[[], Applier] | None = None) -> None:
        self._applier = applier or (lambda: Applier(str(addons.installed_kubectl())))

    def up(self, progress: Progress) -> Access:
        applier = self._applier()
        with progress.step("Looking at what the cluster has"):
            ingress = applier.run("get", "ingressclass", "--output=name").split()
            absent = missing(applier, [file for source in addons.ALL_CRDS for file in addons.crds(source)])
        if absent:
            with progress.step("Adding the CRDs that are missing"):
                applier.apply(*absent)
        if not ingress:
            with progress.step("Adding Traefik, for there is no ingress controller"):
                addons.apply_published_traefik(applier)
        return self.access()

    def down(self, progress: Progress) -> None:
        """Removes Traefik if it is ours. CRDs stay: with them would go all that others made of them."""
        applier = self._applier()
        if applier.run("get", "namespace", "--output=name", f"--selector={OURS}").split():
            with progress.step("Removing Traefik"):
                applier.run("delete", "--ignore-not-found", f"--filename={addons.MANIFESTS / 'traefik.yaml'}")

    def access(self) -> Access:
        kubeconfig = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        ingress = os.environ.get(INGRESS_URL) or "http://127.0.0.1"
        return Access(addons.installed_kubectl(), Path(kubeconfig), ingress)

    def status(self) -> list[Part]:
        answer = self._applier().run("get", "--raw", "/readyz").strip()
        return [Part("API server", answer == "ok", "" if answer == "ok" else answer)]

    def load_image(self, archive: Path, progress: Progress) -> str:
        name, _digest = image_identity(archive)
        raise ClusterError(
            f"No image can be loaded into the cluster of your kubeconfig: push {name} ({archive}) to a registry that it"
            " pulls from, and give its name there in the chart's values."
        )

    def shell(self) -> list[str]:
        return [shell_program()]


def missing(applier: Applier, files: Iterable[Path]) -> list[Path]:
    """The files of which no CRD is in the cluster."""
    here = set(applier.run("get", "crd", "--output=name").split())
    return [file for file in files if not here & named(applier, file)]


def named(applier: Applier, file: Path) -> set[str]:
    """What a file holds, as kubectl names it."""
    return set(applier.run("create", "--dry-run=client", "--output=name", f"--filename={file}").split())
