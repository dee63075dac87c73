"""The commands that CLUSTER=kind would run, recorded by programs of kind's and kubectl's names."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import yaml

from e2e.cluster.addons import MANIFESTS, PUBLISHED_TRAEFIK, published_traefik
from e2e.cluster.errors import ClusterError
from e2e.cluster.kind import KindCluster, configuration
from e2e.cluster.progress import Progress

RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >> "$RECORD"
case "$*" in
"get clusters") echo "$CLUSTERS" ;;
*--config=-*|*--filename=-*) cat >> "$RECORD.stdin" ;;
esac
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for program in ("kind", "kubectl"):
        (tmp_path / program).write_text(RECORDER)
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("CLUSTERS", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MEMORYBANK_HTTP_PORT", "8080")
    return tmp_path / "record"


def test_up_creates_the_cluster_and_puts_the_same_things_above_it(record: Path) -> None:
    access = KindCluster("greeter").up(Progress(io.StringIO()))
    commands = record.read_text()
    assert "kind create cluster --name=greeter --config=- --wait=2m" in commands
    for part in ("gateway.networking.k8s.io_httproutes.yaml", "cert-manager.io_certificates.yaml", "podmonitors.yaml"):
        assert part in commands
    assert "rollout status deployment/traefik" in commands
    assert access.ingress == "http://127.0.0.1:8080"


def test_up_again_creates_no_second_cluster(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTERS", "greeter")
    KindCluster("greeter").up(Progress(io.StringIO()))
    assert "create cluster" not in record.read_text()


def test_down_deletes_the_cluster(record: Path) -> None:
    KindCluster("greeter").down(Progress(io.StringIO()))
    assert record.read_text() == "kind delete cluster --name=greeter\n"


def test_the_node_port_of_traefik_is_the_port_of_loopback() -> None:
    [node] = configuration(80)["nodes"]
    [mapping] = node["extraPortMappings"]
    documents = list(yaml.safe_load_all((MANIFESTS / "traefik.yaml").read_text()))
    [service] = [document for document in documents if document["kind"] == "Service"]
    assert mapping["containerPort"] == service["spec"]["ports"][0]["nodePort"]
    assert (mapping["listenAddress"], mapping["hostPort"]) == ("127.0.0.1", 80)


def test_where_images_can_be_pulled_traefik_is_its_makers_own() -> None:
    documents = list(yaml.safe_load_all(published_traefik((MANIFESTS / "traefik.yaml").read_text())))
    [deployment] = [document for document in documents if document["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == (PUBLISHED_TRAEFIK, "IfNotPresent")


def test_without_kind_the_sentence_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"CLUSTER=kind needs the program kind"):
        KindCluster("greeter").status()
