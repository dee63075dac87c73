"""A Kubernetes without a node, as the operator's tests and the scale benchmark use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import state
from e2e.cluster.api import until
from e2e.cluster.build import program
from e2e.cluster.components import KUBERNETES
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.errors import ClusterError
from e2e.cluster.paths import ROOT
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl

pytestmark = pytest.mark.plane

HELD_OPEN = """
import sys, time
from pathlib import Path
from e2e.cluster.controlplane import ControlPlane
with ControlPlane(Path(sys.argv[1])) as plane:
    print(plane.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path / "plane", nodes=2) as plane:
        yield plane


def test_it_takes_objects_as_soon_as_it_is_entered(tmp_path: Path) -> None:
    with ControlPlane(tmp_path / "plane") as plane:
        Kubectl(plane.kubectl, plane.kubeconfig)("create", "configmap", "greeting", "--from-literal=text=hello")


def test_its_controllers_and_its_simulated_nodes_bring_a_deployment_to_available(plane: ControlPlane) -> None:
    kubectl = Kubectl(plane.kubectl, plane.kubeconfig)
    kubectl("create", "deployment", "greeter", "--image=nobody.invalid/pulls/this", "--replicas=3")
    kubectl.wait("deployment/greeter", "condition=Available", "default", 30)
    assert len(kubectl.json("get", "nodes")["items"]) == 2


def test_it_dies_with_who_started_it_even_by_sigkill(tmp_path: Path) -> None:
    directory = tmp_path / "plane"
    command = [sys.executable, "-c", HELD_OPEN, str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout
        assert starter.stdout.readline().startswith(b"https://127.0.0.1:")
        assert state.mentioning(f"{directory}/etcd")
        os.kill(starter.pid, signal.SIGKILL)
        until("all its processes are dead", lambda: not state.mentioning(str(directory)), 5)


def test_a_program_that_cannot_start_is_named_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    real = program(KUBERNETES, Progress()).parent
    for name in KUBERNETES.links:
        (programs / name).symlink_to(real / name)
    (programs / "etcd").unlink()
    (programs / "etcd").write_text("#!/bin/sh\necho the disk is full\nexit 3\n")
    (programs / "etcd").chmod(0o755)
    monkeypatch.setattr("e2e.cluster.controlplane.program", lambda *_: programs / "kubernetes")
    with pytest.raises(ClusterError, match=r"etcd ended with status 3(.|\n)*the disk is full"):
        ControlPlane(tmp_path / "plane").__enter__()
    assert state.mentioning(str(tmp_path / "plane")) == []
