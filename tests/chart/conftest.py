"""Helm, and an API server that says whether what it renders is valid."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster.addons import OTHER_CRDS, traefik_crds
from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS, TOOLS, module
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "memorybank"
VALUES = Path(__file__).with_name("values")
SETS = sorted(file.stem for file in VALUES.glob("*.yaml"))
"""Names of the value sets; `everything` is rendered as on a cluster with the Prometheus operator and Traefik."""
PROMETHEUS_API, TRAEFIK_API = "monitoring.coreos.com/v1", "traefik.io/v1alpha1/Middleware"
NAMESPACES = ("memorybank-system", "customers", "partners")

Manifest = dict[str, Any]


def options(name: str) -> list[str]:
    """Helm's options for a value set."""
    served = [f"--api-versions={api}" for api in (PROMETHEUS_API, TRAEFIK_API)] if name == "everything" else []
    return [f"--values={VALUES / name}.yaml", *served]


class HelmError(Exception):
    """Helm refused; the text is what it printed."""


class Helm:
    """Renders our chart as `helm install memorybank --namespace memorybank-system` would."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def render(self, *options: str) -> list[Manifest]:
        return [manifest for manifest in yaml.safe_load_all(self.text(*options)) if manifest]

    def text(self, *options: str) -> str:
        """The manifests, with hooks and tests, as Helm prints them."""
        return self._run("template", *options)

    def notes(self, *options: str) -> str:
        """What the user is told after the installation."""
        known = [option for option in options if not option.startswith("--api-versions")]
        return self._run("install", "--dry-run=client", *known).partition("\nNOTES:\n")[2]

    def _run(self, verb: str, *options: str) -> str:
        done = subprocess.run(
            [self._path, verb, "memorybank", CHART, "--namespace=memorybank-system", *options],
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise HelmError(done.stderr)
        return done.stdout


def new_helm() -> Helm:
    return Helm(program(COMPONENTS["helm"], Progress()))


@pytest.fixture(scope="session")
def helm() -> Helm:
    return new_helm()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl of a control plane that has our custom resource and the Prometheus operator's."""
    with ControlPlane(tmp_path_factory.mktemp("chart") / "plane") as plane:
        kubectl = Kubectl(plane.kubectl, plane.kubeconfig)
        kubectl("apply", "--server-side", f"--filename={ROOT / 'crds'}")
        for name, folder in OTHER_CRDS:
            for kind in ("podmonitors", "prometheusrules"):
                for file in (module(name, TOOLS / "sources") / folder).glob(f"*_{kind}.yaml"):
                    kubectl("apply", "--server-side", f"--filename={file}")
        kubectl("apply", "--server-side", f"--filename={traefik_crds()}")
        kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
        # A pod template that breaks the standard is a warning, and kubectl is told to take warnings for errors.
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        kubectl.apply(
            *(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
                for name in NAMESPACES
            )
        )
        yield kubectl
