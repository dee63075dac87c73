"""A Prometheus in the cluster that reads the tenants and the operator, with the product's own rules: MONITORING=1."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from e2e.cluster.addons import MANIFESTS
from e2e.cluster.archive import write_image
from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.local import LocalCluster
from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl
from e2e.stack import ROOT, Stack

NAMESPACE = "monitoring"
IMAGE = "localhost/memorybank/prometheus:dev"
PUBLISHED = "docker.io/prom/prometheus:v3.16.0"
FILES = ("prometheus.yml", "rules.yaml")
CONFIG = ROOT / "config" / "monitoring"


@dataclass(frozen=True)
class Prometheus:
    """Asked through the API server."""

    kubectl: Kubectl

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series that a query answers now, each with `metric` and `value`."""
        told = self._get("query", query=text)
        found: list[dict[str, Any]] = told["result"]
        return found

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("targets", state="active")["activeTargets"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or firing."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _get(self, what: str, **asked: str) -> Any:
        path = f"/api/v1/namespaces/{NAMESPACE}/services/prometheus:9090/proxy/api/v1/{what}"
        return json.loads(self.kubectl("get", "--raw", f"{path}?{urlencode(asked)}"))["data"]


def install(stack: Stack, progress: Progress, *, hurried: bool = False) -> Prometheus:
    """Installs it; what is there already is changed. `hurried`: with seconds for minutes, for tests of alerts."""
    image = PUBLISHED
    if isinstance(stack.cluster, LocalCluster):
        image = _built(stack.cluster, progress)
    texts = {name: (CONFIG / name).read_text() for name in FILES}
    if hurried:
        texts = {name: in_a_hurry(text) for name, text in texts.items()}
    kubectl = stack.kubectl
    with progress.step("Installing Prometheus"):
        parts = list(yaml.safe_load_all((MANIFESTS / "prometheus.yaml").read_text()))
        [deployment] = [part for part in parts if part["kind"] == "Deployment"]
        template = deployment["spec"]["template"]
        template["spec"]["containers"][0]["image"] = image
        template["metadata"]["annotations"] = {"memorybank.local/config": hash_of(texts)}
        metadata = {"name": "prometheus", "namespace": NAMESPACE}
        files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}
        # A pod reads its files when it starts: they are there before it.
        kubectl.apply(*(part for part in parts if part is not deployment), files)
        kubectl.apply(deployment)
        kubectl("rollout", "status", f"--namespace={NAMESPACE}", "deployment/prometheus", "--timeout=2m")
    return Prometheus(kubectl)


def in_a_hurry(text: str) -> str:
    """Every length of time from a minute on becomes as many seconds, and every one below becomes five seconds."""

    def quicker(found: re.Match[str]) -> str:
        number, unit = int(found[1]), found[2]
        seconds = {"s": 5, "m": number, "h": 60 * number, "d": 1440 * number}[unit]
        # A rate wants a few readings of the five seconds.
        return f"{max(seconds, 25) if text[found.start() - 1] == '[' else seconds}s"

    return re.sub(r"(?<=[\[ ])(\d+)([smhd])(?=[\],}\s])", quicker, text)


def hash_of(texts: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]


def _built(cluster: LocalCluster, progress: Progress) -> str:
    binary = program(COMPONENTS["prometheus"], progress)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "prometheus.tar"
        write_image(archive, IMAGE, binary)
        return cluster.load_image(archive, progress)
