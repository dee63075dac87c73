"""What the operator tells of itself as a process: its metrics, its log, its traces."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from e2e.cluster.controlplane import ControlPlane
from e2e.cluster.processes import free_ports
from memorybank_operator.kinds import DEPLOYMENT, SERVICE, TENANT
from memorybank_operator.kubeconfig import from_kubeconfig
from memorybank_operator.settings import SettingsError, from_environment
from tests.collector import Collector, attributes, collector

from .conftest import OperatorProcess
from .kube import Kube

CONTRACT = {
    "memorybank_operator_tenants": {"phase"},
    "memorybank_operator_reconcile_seconds": set(),
    "memorybank_operator_reconciles_total": {"result"},
    "memorybank_operator_api_requests_total": {"verb", "resource"},
    "memorybank_operator_watch_age_seconds": {"resource"},
}
"""The metrics that dashboards and alerts hold on to, with their labels."""


class Lived:
    """What a process has told of two tenants' lives."""

    def __init__(self) -> None:
        self.metrics = ""
        self.lines: list[dict[str, Any]] = []
        self.spans: list[Span] = []
        self.namespace = ""


@pytest.fixture(scope="module")
def lived(plane: ControlPlane) -> Lived:
    """Two tenants made, changed, repaired, refused and deleted."""
    lived = Lived()
    (port,) = free_ports(1)
    lived.namespace = asyncio.run(_namespace(plane))
    with collector() as server:
        # Alone with its own: hundreds of tenants that other tests left behind would have their turn first.
        variables = {"METRICS_PORT": str(port), "OTEL_BSP_SCHEDULE_DELAY": "50", "WATCH_NAMESPACES": lived.namespace}
        process = OperatorProcess(plane.kubeconfig, **variables, **to(server))
        process.start()
        try:
            asyncio.run(_live(plane, lived.namespace))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                lived.metrics = answer.read().decode()
        finally:
            status = process.stop()
        assert status == 0, process.lines[-20:]
        lived.spans = list(server.spans)
    lived.lines = [json.loads(line) for line in process.lines]
    return lived


def to(server: Collector) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"}


async def _namespace(plane: ControlPlane) -> str:
    async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
        return await kube.namespace()


async def _live(plane: ControlPlane, namespace: str) -> None:
    async with Kube(from_kubeconfig(plane.kubeconfig)) as kube:
        for name in ("customer1", "customer2"):
            await kube.observed(await kube.tenant(namespace, name))
        await kube.observed(await kube.change(namespace, forgetting={"thresholdPercent": 20}))
        uid = (await kube.get(SERVICE, namespace, "customer1"))["metadata"]["uid"]
        await kube.delete(SERVICE, namespace, "customer1")
        await kube.until(SERVICE, namespace, "customer1", lambda found: found and found["metadata"]["uid"] != uid)
        await kube.create(SERVICE, namespace, "theirs", spec={"ports": [{"port": 80}]}, metadata=THEIRS)
        await kube.tenant(namespace, "theirs")
        await kube.condition(namespace, "Stalled", "True", "theirs")
        await kube.delete(TENANT, namespace, "customer2")
        await kube.until_gone(DEPLOYMENT, namespace, "customer2")


THEIRS = {"labels": {"app.kubernetes.io/name": "theirs"}}


@pytest.mark.parametrize("name", CONTRACT)
def test_a_metric_of_the_contract_is_there_with_its_labels(lived: Lived, name: str) -> None:
    samples = [
        sample
        for family in text_string_to_metric_families(lived.metrics)
        for sample in family.samples
        if sample.name in (name, f"{name}_count")
    ]
    assert samples
    assert {frozenset(sample.labels) for sample in samples} == {frozenset(CONTRACT[name])}


def test_the_number_of_series_does_not_grow_with_tenants(lived: Lived) -> None:
    for family in text_string_to_metric_families(lived.metrics):
        for sample in family.samples:
            told = " ".join(sample.labels.values())
            assert "customer" not in told, sample
            assert "theirs" not in told, sample


def test_every_line_about_a_tenant_says_which_at_what_generation_and_why(lived: Lived) -> None:
    about = [line for line in lived.lines if "tenant" in line]
    assert {line["tenant"] for line in about} >= {f"{lived.namespace}/customer1", f"{lived.namespace}/customer2"}
    for line in about:
        assert isinstance(line["generation"], int), line
        assert line["reason"], line
    changed = {(line["reason"], line["generation"]) for line in about if line["tenant"].endswith("/customer1")}
    assert {("Applied", 1), ("Changed", 2)} <= changed
    assert not [line for line in lived.lines if "tenant" not in line and "generation" in line]


def test_a_reconcile_is_a_span_with_its_writes_below_it(lived: Lived) -> None:
    reconciles = {span.span_id: attributes(span) for span in lived.spans if span.name == "reconcile"}
    here = [told for told in reconciles.values() if told["k8s.namespace.name"] == lived.namespace]
    mine = [told for told in here if told["memorybank.tenant"] == "customer1"]
    assert {told["memorybank.generation"] for told in mine} >= {1, 2}
    assert {told["memorybank.result"] for told in mine} <= {"ok", "waiting", "leaving"}
    writes = [span for span in lived.spans if span.name != "reconcile"]
    assert {"apply deployments", "create secrets", "apply memorybanktenants"} <= {span.name for span in writes}
    assert {span.parent_span_id for span in writes} <= set(reconciles)
    refused = [span for span in writes if "http.response.status_code" in attributes(span)]
    assert [attributes(span)["http.response.status_code"] for span in refused if span.name == "create services"]
    assert "mb_" not in str(lived.spans)


async def test_a_collector_that_is_not_there_hinders_nothing(plane: ControlPlane, kube: Kube, namespace: str) -> None:
    process = OperatorProcess(plane.kubeconfig, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    process.start()
    try:
        await kube.observed(await kube.tenant(namespace))
    finally:
        assert process.stop() == 0


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    check = (
        "import sys; from memorybank_operator import __main__; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_another_protocol_is_refused_with_what_is_allowed() -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(SettingsError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL='grpc' .* it must be http/protobuf"):
        from_environment(environment)
    assert not from_environment({**environment, "OTEL_SDK_DISABLED": "true"}).traces
