"""A real API server with the operator beside it, nodes on paper, and a real memory service behind every pod's port.

The nodes say that pods run; what a pod's port answers and what its log says come from the one service of the tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster import simulated
from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.pki import Authority
from e2e.cluster.processes import free_ports, start, stop
from e2e.cluster.progress import Progress
from memorybank_operator.kubeconfig import from_kubeconfig
from tests.operator.conftest import CRDS, install_crd
from tests.operator.kube import Kube
from tests.service.running import KEY, RunningService, running
from tests.service.waiting import until

VOLUMES = {"10Gi": 50, "20Gi": 10}
"""How many of each size."""
NAMESPACE = "customers"
LOG = (
    '{"level": "info", "message": "listening", "port": 8000}',
    '{"level": "error", "message": "somebody sent Bearer mb_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"}',
)
"""What every container says; a second line as it should never be."""
__all__ = ["KEY", "NAMESPACE"]


@dataclass(frozen=True)
class Ended:
    """What a command that ended has left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Fleet:
    """A cluster to run the command on."""

    kubeconfig: Path
    kubectl_program: Path

    @property
    def environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{self.kubectl_program.parent}:{os.environ['PATH']}"
        return {"PATH": programs, "KUBECONFIG": str(self.kubeconfig)}

    def run(self, *arguments: str, stdin: str = "", program: str = "memorybank", **more: str) -> Ended:
        """`program`: one on the path, or a file."""
        ended = subprocess.run(
            [program, *arguments],
            input=stdin,
            env={**self.environment, **more},
            text=True,
            capture_output=True,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["memorybank", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Whoever runs the tests in the background has them, and their children, ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
        )

    def done(self, *arguments: str, **named: str) -> Any:
        """What a command has printed that must succeed."""
        ended = self.run(*arguments, **named)
        assert ended.status == 0, ended.err
        return ended.json

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        command = [str(self.kubectl_program), f"--kubeconfig={self.kubeconfig}", "--namespace", NAMESPACE, *arguments]
        return subprocess.run(command, input=stdin, text=True, capture_output=True, check=True).stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", "-o", "json", *arguments))


@pytest.fixture(scope="session")
def memory_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """What answers behind every pod, as the tenant customer1."""
    with running(tmp_path_factory.mktemp("tenant"), TENANT_ID="customer1") as process:
        process.ready()
        yield process


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def fleet(
    plane: ControlPlane, memory_service: RunningService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    kubeconfig = _with_namespace(plane.kubeconfig, folder / "kubeconfig")
    fleet = Fleet(kubeconfig, plane.kubectl)
    asyncio.run(_install(kubeconfig))
    node = start(_nodes(plane, memory_service, folder), folder / "kwok.log")
    fleet.kubectl("apply", "-f", "-", stdin=simulated.nodes(1))
    fleet.kubectl("apply", "-f", "-", stdin=_storage())
    log = folder / "operator.log"
    with log.open("wb") as written:
        operator = subprocess.Popen(
            ["memorybank-operator"],
            env={
                **fleet.environment,
                "MEMORYBANK_IMAGE": "registry.example/memorybank:v1",
                "HEALTH_PORT": "0",
                "METRICS_PORT": "0",
            },
            stdout=written,
            stderr=written,
        )
    try:
        until(lambda: "everything was seen once" in log.read_text())
        yield fleet
    finally:
        stop([node, operator])
    assert '"exception"' not in log.read_text()


async def _install(kubeconfig: Path) -> None:
    async with Kube(from_kubeconfig(kubeconfig)) as kube:
        for name in ("memorybank-system", NAMESPACE):
            await kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        for file in sorted(CRDS.glob("*.yaml")):
            await install_crd(kube, yaml.safe_load(file.read_text()))


def _with_namespace(kubeconfig: Path, own: Path) -> Path:
    """The kubeconfig of a user whose context names the namespace."""
    told = json.loads(kubeconfig.read_text())
    told["contexts"][0]["context"]["namespace"] = NAMESPACE
    own.write_text(json.dumps(told))
    return own


def _storage() -> str:
    """Volumes that wait for a claim."""
    usual = {"storageclass.kubernetes.io/is-default-class": "true"}
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": usual},
        "provisioner": "kubernetes.io/no-provisioner",
        "allowVolumeExpansion": True,
    }
    volumes = [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"volume-{size}-{number}".lower()},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": ["ReadWriteOncePod"],
                "storageClassName": "standard",
                "hostPath": {"path": "/nowhere"},
            },
        }
        for size, count in VOLUMES.items()
        for number in range(count)
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [storage_class, *volumes]})


def _nodes(plane: ControlPlane, service: RunningService, folder: Path) -> list[str]:
    """kwok, whose nodes also have a kubelet's port: it forwards ports and shows logs."""
    [port] = free_ports(1)
    authority = Authority(folder / "pki")
    authority.issue("kubelet", "kubelet", names=("IP:127.0.0.1",))
    log = folder / "container.log"
    log.write_text("".join(f"2027-01-15T08:00:00.000000000Z stdout F {line}\n" for line in LOG))
    listening = next(line for line in service.log() if line["message"] == "listening")
    parts = [
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterPortForward",
            "metadata": {"name": "all"},
            "spec": {
                "forwards": [
                    {"ports": [8000], "target": {"address": "127.0.0.1", "port": listening["port"]}},
                    {"ports": [9090], "target": {"address": "127.0.0.1", "port": listening["metrics_port"]}},
                ]
            },
        },
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": {"name": "all"},
            "spec": {"logs": [{"logsFile": str(log), "follow": False}]},
        },
    ]
    config = folder / "kubelet.yaml"
    config.write_text(yaml.safe_dump_all(parts))
    base = simulated.kwok(program(COMPONENTS["kwok"], Progress()), plane.kubeconfig)
    return [
        *base,
        f"--config={config}",
        f"--node-port={port}",
        f"--server-address=127.0.0.1:{port}",
        f"--tls-cert-file={folder / 'pki' / 'kubelet.crt'}",
        f"--tls-private-key-file={folder / 'pki' / 'kubelet.key'}",
    ]


Create = Callable[..., dict[str, Any]]


@pytest.fixture
def create(fleet: Fleet) -> Iterator[Create]:
    """Makes a tenant through the command; it is gone with its data after the test."""
    made: list[str] = []

    def one(name: str, *arguments: str, **named: str) -> dict[str, Any]:
        made.append(name)
        answer: dict[str, Any] = fleet.done("create", name, *arguments, **named)
        return answer

    yield one
    for name in made:
        fleet.run("delete", name, "--force", "--yes")


@pytest.fixture(scope="session")
def customer(fleet: Fleet) -> dict[str, Any]:
    """The tenant customer1, ready, with the key that the service behind every pod knows; no test changes it."""
    options = "--domain", "fleet.localhost", "--api-key-stdin", "--wait"
    answer: dict[str, Any] = fleet.done("create", "customer1", *options, stdin=KEY)
    return answer
