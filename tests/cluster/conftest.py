"""A local cluster for the tests marked `node`, beside whatever other cluster runs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster.access import Access
from e2e.cluster.archive import write_image
from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.local import LocalCluster
from e2e.cluster.ports import HTTP_PORT
from e2e.cluster.processes import free_ports
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl

PROBE = "localhost/memorybank/probe:dev"


@dataclass(frozen=True)
class Running:
    """A cluster that is up, with the image of the probe in it."""

    cluster: LocalCluster
    access: Access
    kubectl: Kubectl


@pytest.fixture(scope="session")
def probe_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("images") / "probe.tar"
    write_image(archive, PROBE, program(COMPONENTS["probe"], Progress()))
    return archive


@pytest.fixture(scope="session")
def running(probe_archive: Path) -> Iterator[Running]:
    cluster, progress = LocalCluster("test"), Progress()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(HTTP_PORT, str(free_ports(1)[0]))
        access = cluster.up(progress)
        try:
            cluster.load_image(probe_archive, progress)
            yield Running(cluster, access, Kubectl(access.kubectl, access.kubeconfig))
        finally:
            cluster.down(progress)


def pod(name: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """A pod that runs the probe once as nobody in particular; `more` adds to its spec."""
    restricted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container: dict[str, Any] = {
        "name": "probe",
        "image": PROBE,
        "imagePullPolicy": "Never",
        "args": list(arguments),
        "securityContext": restricted,
    }
    if "volumes" in more:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    if arguments[0] == "serve":
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    security = {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001, "runAsNonRoot": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": security,
            "containers": [container],
            **more,
        },
    }


def service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def claim(name: str, size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": size}}},
    }


def volumes(claim_name: str) -> list[dict[str, Any]]:
    return [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]


class Namespace:
    """A namespace of a test's own: applies there, runs probes there."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self._kubectl = kubectl
        self.name = name

    def __call__(self, *arguments: str) -> str:
        return self._kubectl(f"--namespace={self.name}", *arguments)

    def apply(self, *manifests: dict[str, Any]) -> None:
        for manifest in manifests:
            manifest["metadata"]["namespace"] = self.name
        self._kubectl.apply(*manifests)

    def ready(self, name: str) -> None:
        self("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")

    def outcome(self, probe: dict[str, Any]) -> tuple[bool, str]:
        """Runs a probe to its end: whether it succeeded, and what it printed."""
        name = f"pod/{probe['metadata']['name']}"
        self("delete", name, "--ignore-not-found")
        self.apply(probe)
        self("wait", name, "--for=jsonpath={.status.containerStatuses[0].state.terminated.reason}", "--timeout=60s")
        code = self("get", name, "--output=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}")
        return code == "0", self("logs", name).strip()


@pytest.fixture
def namespace(running: Running, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    name = request.node.name.replace("_", "-")[:60].strip("-")
    running.kubectl("create", "namespace", name)
    yield Namespace(running.kubectl, name)
    running.kubectl("delete", "namespace", name, "--wait=false")
