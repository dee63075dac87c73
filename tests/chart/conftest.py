"""Helm, and an API server that says whether what it renders is valid."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "memorybank"

Manifest = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the text is what it printed."""


class Helm:
    """Renders our chart as `helm install memorybank --namespace memorybank-system` would."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def render(self, *options: str) -> list[Manifest]:
        done = subprocess.run(
            [self._path, "template", "memorybank", CHART, "--namespace=memorybank-system", *options],
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(program(COMPONENTS["helm"], Progress()))


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl of a control plane that has our custom resource."""
    with ControlPlane(tmp_path_factory.mktemp("chart") / "plane") as plane:
        kubectl = Kubectl(plane.kubectl, plane.kubeconfig)
        kubectl("apply", "--server-side", f"--filename={ROOT / 'crds'}")
        kubectl("wait", "crd/memorybanktenants.memorybank.dev", "--for=condition=Established", "--timeout=30s")
        kubectl("create", "namespace", "memorybank-system")
        yield kubectl
