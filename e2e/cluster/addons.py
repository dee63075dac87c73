"""What stands above the cluster itself, in every kind of cluster: CRDs of others' resources, DNS, storage, Traefik."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from e2e.cluster.archive import write_image
from e2e.cluster.components import TOOLS, module
from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import HERE

MANIFESTS = HERE / "manifests"
GATEWAY_CRDS = ("sigs.k8s.io/gateway-api", "config/crd/standard")
OTHER_CRDS = (
    ("github.com/cert-manager/cert-manager", "deploy/crds"),
    ("github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd"),
)
ALL_CRDS = (GATEWAY_CRDS, *OTHER_CRDS)
TRAEFIK = "github.com/traefik/traefik/v3"
TRAEFIK_CRDS = "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"
PUBLISHED_TRAEFIK = "docker.io/library/traefik:v3.7.13"
INGRESS_PORT = 30080  # of the node, as manifests/traefik.yaml has it


class Applier:
    """kubectl of one cluster, for applying on the server; `command` is all that comes before its verb."""

    def __init__(self, *command: str) -> None:
        self._command = command

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        command = [*self._command, *arguments]
        done = subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def apply(self, *paths: Path, stdin: str | None = None) -> None:
        """Applies files and, if given, the manifests of `stdin`."""
        files = [f"--filename={path}" for path in paths] + (["--filename=-"] if stdin else [])
        self.run(
            "apply", "--server-side", "--force-conflicts", "--field-manager=memorybank-cluster", *files, stdin=stdin
        )


def crds(source: tuple[str, str]) -> list[Path]:
    """The files of a project's CRDs, in the pinned version of its Go module."""
    name, folder = source
    files = sorted((module(name, TOOLS / "sources") / folder).glob("*.yaml"))
    return [file for file in files if file.name != "kustomization.yaml"]


def traefik_crds() -> Path:
    """The file of Traefik's own resources, of the version that the cluster runs."""
    return module(TRAEFIK, TOOLS / "traefik") / TRAEFIK_CRDS


def apply_crds(applier: Applier) -> None:
    """All the CRDs that the operator can make use of, each project's at the same time."""
    with ThreadPoolExecutor() as pool:
        files = [*(crds(source) for source in ALL_CRDS), [traefik_crds()]]
        for done in [pool.submit(applier.apply, *some) for some in files]:
            done.result()


def apply_published_traefik(applier: Applier) -> None:
    """The Traefik of the local cluster in a cluster that can pull its image, and the Gateway."""
    applier.apply(traefik_crds())
    applier.apply(stdin=published_traefik((MANIFESTS / "traefik.yaml").read_text()))
    applier.run("wait", "--for=condition=Established", "crd/gateways.gateway.networking.k8s.io", "--timeout=30s")
    applier.apply(MANIFESTS / "gateway.yaml")
    applier.run("--namespace=traefik", "rollout", "status", "deployment/traefik", "--timeout=3m")


def published_traefik(manifests: str) -> str:
    """The manifests of Traefik with the image of its makers in the place of our own."""
    documents = list(yaml.safe_load_all(manifests))
    for document in documents:
        if document["kind"] == "Deployment":
            container = document["spec"]["template"]["spec"]["containers"][0]
            container.update(image=PUBLISHED_TRAEFIK, imagePullPolicy="IfNotPresent")
    return str(yaml.safe_dump_all(documents))


def installed_kubectl() -> Path:
    found = shutil.which("kubectl")
    if not found:
        raise ClusterError("There is no kubectl: see https://kubernetes.io/docs/tasks/tools.")
    return Path(found)


def write_images(directory: Path, programs: dict[str, str], names: Sequence[str]) -> list[Path]:
    """Archives of the images in which the cluster's own programs run."""
    archives = []
    for name in names:
        archive = directory / f"{name}.tar"
        write_image(archive, f"localhost/memorybank/{name}:dev", Path(programs[name]))
        archives.append(archive)
    return archives
