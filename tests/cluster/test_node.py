"""The local cluster does what the demo, the operator and the end-to-end tests ask of a Kubernetes."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from e2e.cluster import state
from e2e.cluster.access import Access
from e2e.cluster.api import until
from e2e.cluster.images import NodeImages
from e2e.cluster.progress import Progress
from tests.cluster.conftest import Namespace, Running, claim, pod, service, volumes

pytestmark = pytest.mark.node

MEBIBYTE = 1 << 20


def ask(access: Access, host: str) -> tuple[int, str]:
    """The answer of the cluster's ingress controller for a host name."""
    address = urlsplit(access.ingress)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=5)
    connection.request("GET", "/", headers={"Host": host})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text.strip()


def test_every_part_is_healthy_when_up_returns(running: Running) -> None:
    assert [part for part in running.cluster.status() if not part.healthy] == []


def test_what_each_step_took_is_kept(running: Running) -> None:
    timings = json.loads((running.cluster.directory / "timings.json").read_text())
    assert timings["Starting the cluster"] > 0


def test_up_a_second_time_is_the_same_cluster(running: Running) -> None:
    before = state.read(running.cluster.directory)
    assert running.cluster.up(Progress()) == running.access
    assert state.read(running.cluster.directory) == before


def test_a_program_that_dies_is_started_again(running: Running) -> None:
    known = state.read(running.cluster.directory)
    assert known
    [before] = state.pids_of(known.pid, "csi-resizer")
    state.kill(before)
    until(
        "csi-resizer runs again",
        lambda: [pid for pid in state.pids_of(known.pid, "csi-resizer") if pid != before],
        10,
    )


def test_a_non_root_pod_writes_to_a_volume_of_the_default_class_that_grows_under_it(namespace: Namespace) -> None:
    namespace.apply(claim("data", "320Mi"), pod("keeper", "serve", "hello", volumes=volumes("data")))
    namespace.ready("keeper")
    namespace("exec", "keeper", "--", "/probe", "write", "/data/memory", "the sea")
    before = int(namespace("exec", "keeper", "--", "/probe", "size", "/data"))
    assert before < 330 * MEBIBYTE

    patch = json.dumps({"spec": {"resources": {"requests": {"storage": "512Mi"}}}})
    namespace("patch", "pvc/data", "--patch", patch)
    namespace("wait", "pvc/data", "--for=jsonpath={.status.capacity.storage}=512Mi", "--timeout=150s")

    assert int(namespace("exec", "keeper", "--", "/probe", "size", "/data")) > 400 * MEBIBYTE
    assert namespace("exec", "keeper", "--", "/probe", "read", "/data/memory") == "the sea"


def test_a_read_write_once_pod_volume_keeps_a_second_pod_out(namespace: Namespace) -> None:
    namespace.apply(claim("data", "300Mi"), pod("first", "serve", "hello", volumes=volumes("data")))
    namespace.ready("first")
    namespace.apply(pod("second", "serve", "hello", volumes=volumes("data")))
    namespace("wait", "pod/second", "--for=condition=PodScheduled=False", "--timeout=30s")
    assert "ReadWriteOncePod" in namespace("get", "pod/second", "--output=jsonpath={.status.conditions}")


def test_a_pod_finds_a_service_by_its_name(namespace: Namespace) -> None:
    namespace.apply(service("greeter"))
    address = namespace("get", "service/greeter", "--output=jsonpath={.spec.clusterIP}")
    assert namespace.outcome(pod("asks", "resolve", "greeter")) == (True, address)


def test_a_network_policy_closes_a_pod_to_other_pods_and_not_to_its_probes(namespace: Namespace) -> None:
    namespace.apply(service("greeter"), pod("greeter", "serve", "hello"))
    namespace.ready("greeter")
    address = namespace("get", "pod/greeter", "--output=jsonpath={.status.podIP}")
    assert namespace.outcome(pod("by-service", "connect", "greeter:80"))[0]
    assert namespace.outcome(pod("by-address", "connect", f"{address}:8080"))[0]

    deny: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "nobody"},
        "spec": {"podSelector": {"matchLabels": {"app": "greeter"}}, "policyTypes": ["Ingress"]},
    }
    namespace.apply(deny)
    until(
        "the policy holds",
        lambda: not namespace.outcome(pod("by-address", "connect", f"{address}:8080"))[0],
        seconds=30,
    )
    assert not namespace.outcome(pod("by-service", "connect", "greeter:80"))[0]
    namespace("wait", "pod/greeter", "--for=condition=Ready", "--timeout=1s")


def test_an_ingress_is_served_by_its_host_name_and_by_no_other(running: Running, namespace: Namespace) -> None:
    backend = {"service": {"name": "greeter", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    namespace.apply(
        service("greeter"),
        pod("greeter", "serve", "hello by ingress"),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "greeter"},
            "spec": {"rules": [{"host": "ingress.test", "http": {"paths": [path]}}]},
        },
    )
    namespace.ready("greeter")
    until("the route is served", lambda: ask(running.access, "ingress.test") == (200, "hello by ingress"), 30)
    assert ask(running.access, "other.test")[0] == 404


def test_an_http_route_is_served_by_its_host_name(running: Running, namespace: Namespace) -> None:
    namespace.apply(
        service("greeter"),
        pod("greeter", "serve", "hello by gateway"),
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "greeter"},
            "spec": {
                "parentRefs": [{"name": "traefik", "namespace": "traefik"}],
                "hostnames": ["gateway.test"],
                "rules": [{"backendRefs": [{"name": "greeter", "port": 80}]}],
            },
        },
    )
    namespace.ready("greeter")
    until("the route is served", lambda: ask(running.access, "gateway.test") == (200, "hello by gateway"), 30)


def test_an_image_that_is_there_already_is_not_loaded_again(running: Running, probe_archive: Path) -> None:
    known = state.read(running.cluster.directory)
    assert known
    assert NodeImages(known.pid, running.cluster.directory).load(probe_archive)[1] is False


def test_the_crds_that_the_operator_makes_use_of_are_established(running: Running) -> None:
    for name in (
        "httproutes.gateway.networking.k8s.io",
        "certificates.cert-manager.io",
        "servicemonitors.monitoring.coreos.com",
        "prometheusrules.monitoring.coreos.com",
    ):
        running.kubectl("wait", f"crd/{name}", "--for=condition=Established", "--timeout=1s")
