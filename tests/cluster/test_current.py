"""CLUSTER=current adds what is missing to the user's own cluster, and changes nothing that is there."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import addons
from e2e.cluster.addons import Applier
from e2e.cluster.archive import write_image
from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.current import CurrentCluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Progress

HTTP_ROUTES = "customresourcedefinition.apiextensions.k8s.io/httproutes.gateway.networking.k8s.io"


@pytest.fixture
def applier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Applier]:
    with ControlPlane(tmp_path / "plane", nodes=1) as plane:
        monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
        monkeypatch.setenv("PATH", str(plane.kubectl.parent), prepend=":")
        yield Applier(str(plane.kubectl))


def identities(applier: Applier) -> dict[str, str]:
    items = json.loads(applier.run("get", "crd,ingressclass", "--output=json"))["items"]
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}


@pytest.mark.plane
def test_up_adds_the_crds_that_are_missing_and_leaves_those_that_are_there(applier: Applier) -> None:
    [mine] = [file for file in addons.crds(addons.GATEWAY_CRDS) if file.name.endswith("_httproutes.yaml")]
    applier.run("create", f"--filename={mine}")
    applier.run("annotate", "crd/httproutes.gateway.networking.k8s.io", "owner=me")
    applier.apply(stdin=json.dumps(INGRESS_CLASS))
    before = applier.run("get", HTTP_ROUTES, "--output=json")

    CurrentCluster(lambda: applier).up(Progress(io.StringIO()))

    assert applier.run("get", HTTP_ROUTES, "--output=json") == before
    assert "certificates.cert-manager.io" in identities(applier)
    assert applier.run("get", "namespaces", "--output=name").count("traefik") == 0


@pytest.mark.plane
def test_up_brings_traefik_where_there_is_no_ingress_controller_and_down_takes_it_away(applier: Applier) -> None:
    cluster = CurrentCluster(lambda: applier)
    cluster.up(Progress(io.StringIO()))
    assert "ingressclass.networking.k8s.io/traefik" in applier.run("get", "ingressclass", "--output=name")
    cluster.down(Progress(io.StringIO()))
    assert applier.run("get", "ingressclass", "--output=name") == ""
    assert "httproutes.gateway.networking.k8s.io" in identities(applier)


INGRESS_CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "theirs"},
    "spec": {"controller": "example.com/ingress"},
}


def test_an_image_for_a_cluster_of_others_is_a_sentence_about_a_registry(tmp_path: Path) -> None:
    (tmp_path / "greeter").write_bytes(b"a program")
    write_image(tmp_path / "image.tar", "localhost/memorybank/greeter:dev", tmp_path / "greeter")
    with pytest.raises(ClusterError, match=r"localhost/memorybank/greeter:dev.*registry"):
        CurrentCluster().load_image(tmp_path / "image.tar", Progress(io.StringIO()))
