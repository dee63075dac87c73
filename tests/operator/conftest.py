"""A real API server, and the operator on it: as a process, or within the test."""

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.controlplane import ControlPlane
from memorybank_operator.cluster import Cluster
from memorybank_operator.handlers import Operator
from memorybank_operator.kinds import BACKUP, OPTIONAL, Kind
from memorybank_operator.kubeconfig import Connection, from_kubeconfig
from memorybank_operator.settings import Settings

from .kube import Answer, Kube
from .walk import crd

BINDING = ("--pvclaimbinder-sync-period=1s",)
"""Before Kubernetes 1.36 a binding that met with a conflict is tried again at this interval only: usually 15 s."""
CRDS = Path(__file__).parents[2] / "crds"
CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd, API server and controller-manager, with our CRD."""
    with ControlPlane(tmp_path_factory.mktemp("plane"), manager_flags=BINDING) as plane:
        asyncio.run(prepare(from_kubeconfig(plane.kubeconfig)))
        yield plane


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Another one, which records what service accounts ask of it, with the optional kinds."""
    with ControlPlane(tmp_path_factory.mktemp("audited"), audited=True, manager_flags=BINDING) as plane:
        asyncio.run(prepare(from_kubeconfig(plane.kubeconfig), *(crd(kind) for kind in OPTIONAL if kind is not BACKUP)))
        yield plane


async def prepare(connection: Connection, *more: dict[str, Any]) -> None:
    """The operator's own namespace, and the CRDs."""
    async with Kube(connection) as kube:
        await kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": "memorybank-system"}})
        for file in sorted(CRDS.glob("*.yaml")):
            await install_crd(kube, yaml.safe_load(file.read_text()))
        for one in more:
            await install_crd(kube, one)


async def install_crd(kube: Kube, crd: dict[str, Any]) -> None:
    """Create a CRD, and return when its resources are served."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await kube.call("POST", path, crd)
    spec = crd["spec"]
    kind = Kind(spec["group"], spec["versions"][0]["name"], spec["names"]["kind"], spec["names"]["plural"])

    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(Answer):
                await kube.call("GET", kind.path(None))
                return
            await asyncio.sleep(0.05)


async def remove_crd(kube: Kube, kind: Kind) -> None:
    """Delete a CRD, and return when the API server no longer tells of its resources."""
    await kube.call("DELETE", CRD.path(None, f"{kind.plural}.{kind.group}"))
    async with asyncio.timeout(20):
        while any(group["name"] == kind.group for group in (await kube.call("GET", "/apis"))["groups"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # nobody tells when the API server has taken note


@pytest.fixture
def connection(plane: ControlPlane) -> Connection:
    return from_kubeconfig(plane.kubeconfig)


@pytest.fixture
async def kube(connection: Connection) -> AsyncIterator[Kube]:
    async with Kube(connection) as kube:
        yield kube


@pytest.fixture
async def namespace(kube: Kube) -> str:
    return await kube.namespace()


LONGEST_WAIT_SECONDS = 120


class OperatorProcess:
    """`memorybank-operator`, as it runs in its container."""

    def __init__(self, kubeconfig: Path, **environment: str) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "MEMORYBANK_IMAGE": "registry.example/memorybank:v1",
            "HEALTH_PORT": "0",
            "METRICS_PORT": "0",
            "PROGRESS_SECONDS": "0",
            **environment,
        }
        self.lines: list[str] = []
        self._process: subprocess.Popen[str]

    def start(self) -> None:
        """Return when it leads and has seen everything once."""
        self.launch()
        self.wait_for("everything was seen once")

    def launch(self) -> None:
        self._process = subprocess.Popen(
            [str(Path(sys.executable).with_name("memorybank-operator"))],
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Nobody reads while a test runs, and a full pipe would hold the operator up.
        assert self._process.stderr is not None
        fcntl.fcntl(self._process.stderr, fcntl.F_SETPIPE_SZ, 1 << 20)

    def wait_for(self, text: str) -> str:
        """Read its log up to a line with this text; one that does not come is not waited for for ever."""
        assert self._process.stderr is not None
        end = threading.Timer(LONGEST_WAIT_SECONDS, self._process.kill)
        end.start()
        try:
            for line in self._process.stderr:
                self.lines.append(line)
                if text in line:
                    return line
        finally:
            end.cancel()
        raise AssertionError(f"the operator ended without saying {text!r}: {self.lines[-20:]}")

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        self._process.terminate()
        return self.ended()

    def kill(self) -> None:
        self._process.kill()
        self.ended()

    def ended(self) -> int:
        rest, status = self._process.communicate(timeout=20)[1], self._process.returncode
        self.lines.extend((rest or "").splitlines())
        return status


@pytest.fixture(scope="module")
def installed(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The operator as a process, cluster-wide, for the tests of one module."""
    log = tmp_path_factory.mktemp("operator") / "log"
    process = OperatorProcess(plane.kubeconfig)
    process.start()
    yield
    status = process.stop()
    log.write_text("\n".join(process.lines))
    assert status == 0, process.lines[-20:]
    faults = [line for line in process.lines if '"exception"' in line]
    assert not faults, faults


Start = Callable[..., "contextlib.AbstractAsyncContextManager[Operator]"]


@pytest.fixture
def start(connection: Connection, namespace: str) -> Start:
    """The operator within the test, for the test's namespace alone."""

    @contextlib.asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Operator]:
        chosen = Settings(**{"watch_namespaces": (namespace,), "progress_seconds": 0, **settings})
        stop = asyncio.Event()
        async with Cluster(connection) as cluster:
            operator = Operator(cluster, chosen)
            running = asyncio.create_task(operator.run(stop))
            await operator.synced.wait()
            try:
                yield operator
            finally:
                stop.set()
                await running

    return start
