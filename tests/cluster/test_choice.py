"""CLUSTER says which Kubernetes is meant."""

from __future__ import annotations

import pytest

from e2e.cluster.choice import chosen
from e2e.cluster.current import CurrentCluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.kind import KindCluster
from e2e.cluster.local import LocalCluster
from e2e.cluster.paths import NAME, cluster_name


@pytest.mark.parametrize(
    ("name", "kind"), [("local", LocalCluster), ("kind", KindCluster), ("current", CurrentCluster)]
)
def test_each_name_is_its_kind_of_cluster(monkeypatch: pytest.MonkeyPatch, name: str, kind: type) -> None:
    monkeypatch.setenv("CLUSTER", name)
    assert isinstance(chosen(), kind)


@pytest.mark.parametrize(("docker", "kind"), [(True, KindCluster), (False, LocalCluster)])
def test_without_a_name_it_is_kind_where_docker_answers(
    monkeypatch: pytest.MonkeyPatch, docker: bool, kind: type
) -> None:
    monkeypatch.setenv("CLUSTER", "")
    assert isinstance(chosen(lambda: docker), kind)


def test_an_unknown_name_is_refused_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "minikube")
    with pytest.raises(ClusterError, match=r"CLUSTER='minikube'.*local, kind, current"):
        chosen()


def test_a_cluster_s_name_that_could_leave_its_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "../etc")
    with pytest.raises(ClusterError, match=r"'\.\./etc' is no cluster's name"):
        cluster_name()
