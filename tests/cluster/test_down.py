"""`down` leaves nothing behind, whatever state the cluster was in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import cgroups, state
from e2e.cluster.api import until
from e2e.cluster.archive import write_image
from e2e.cluster.build import program
from e2e.cluster.cleanup import loop_devices
from e2e.cluster.components import COMPONENTS
from e2e.cluster.local import LocalCluster
from e2e.cluster.node import KERNEL_SETTINGS
from e2e.cluster.paths import NAME, ROOT
from e2e.cluster.ports import HTTP_PORT
from e2e.cluster.processes import free_ports
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl
from tests.cluster.conftest import PROBE, Namespace, claim, pod, volumes

pytestmark = pytest.mark.node

CLUSTER = "test-down"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    monkeypatch.setenv(HTTP_PORT, str(free_ports(1)[0]))
    monkeypatch.setenv(NAME, CLUSTER)
    cluster = LocalCluster()
    yield cluster
    cluster.down(Progress())


def interfaces() -> set[str]:
    return set(os.listdir("/sys/class/net"))


def traces(cluster: LocalCluster) -> list[str]:
    """All that there is of a cluster on this machine."""
    directory = str(cluster.directory)
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if directory in line]
    groups = [
        str(hierarchy / cluster.name) for hierarchy in cgroups.hierarchies() if (hierarchy / cluster.name).exists()
    ]
    files = [directory] if cluster.directory.exists() else []
    return [*state.mentioning(directory), *mounts, *groups, *loop_devices(cluster.directory), *files]


def starting(cluster: LocalCluster) -> subprocess.Popen[bytes]:
    """An `up` in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "e2e.cluster", "up"], cwd=ROOT, stderr=subprocess.DEVNULL)


def kernel_settings() -> dict[str, str]:
    return {setting: Path("/proc/sys", setting).read_text() for setting in KERNEL_SETTINGS}


def test_down_leaves_nothing_of_a_cluster_with_a_pod_and_its_volume(cluster: LocalCluster, tmp_path: Path) -> None:
    before, settings = interfaces(), kernel_settings()
    access = cluster.up(Progress())
    archive = tmp_path / "probe.tar"
    write_image(archive, PROBE, program(COMPONENTS["probe"], Progress()))
    cluster.load_image(archive, Progress())
    namespace = Namespace(Kubectl(access.kubectl, access.kubeconfig), "default")
    namespace.apply(claim("data", "300Mi"), pod("keeper", "serve", "hello", volumes=volumes("data")))
    namespace.ready("keeper")
    assert loop_devices(cluster.directory)
    assert interfaces() == before
    assert kernel_settings() == settings

    cluster.down(Progress())

    assert traces(cluster) == []
    assert interfaces() == before


def test_down_ends_a_cluster_whose_up_was_killed_half_way(cluster: LocalCluster) -> None:
    with starting(cluster) as up:
        until("the node runs", (cluster.directory / "kubelet" / "pods").exists, 60)
        up.kill()
    assert traces(cluster)
    cluster.down(Progress())
    assert traces(cluster) == []


def test_down_finds_a_cluster_whose_state_was_never_written(cluster: LocalCluster) -> None:
    with starting(cluster) as up:
        until("the API server is started", (cluster.directory / "logs" / "kube-apiserver.log").exists, 60)
        up.kill()
    (cluster.directory / state.FILE).unlink()
    assert state.first_process(cluster.directory)
    cluster.down(Progress())
    assert traces(cluster) == []


def test_up_after_a_crash_removes_the_rest_and_starts_afresh(cluster: LocalCluster) -> None:
    with starting(cluster) as up:
        until("the API server is started", (cluster.directory / "logs" / "kube-apiserver.log").exists, 60)
        up.kill()
    half = state.read(cluster.directory)
    cluster.up(Progress())
    whole = state.read(cluster.directory)
    assert half
    assert whole
    assert not half.alive()
    assert whole.alive()
    assert all(part.healthy for part in cluster.status())


def test_a_cluster_whose_first_process_was_killed_is_not_taken_for_running(cluster: LocalCluster) -> None:
    cluster.up(Progress())
    known = state.read(cluster.directory)
    assert known
    known.kill()
    until("it is dead", lambda: not known.alive(), 10)
    assert not any(part.healthy for part in cluster.status())
    cluster.up(Progress())
    assert all(part.healthy for part in cluster.status())
