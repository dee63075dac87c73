"""Alert rules and dashboards speak of metrics that the service and the operator have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from memorybank_operator import metrics as operator_metrics
from memorybank_service.metrics import Metrics
from tests.chart.conftest import CHART, ROOT

MONITORING = ROOT / "config" / "monitoring"
OTHERS = {
    "up",  # Prometheus' own
    "process_resident_memory_bytes",  # of the operator's registry, as of every Python program's
    "container_memory_working_set_bytes",  # the kubelet's
    "container_spec_memory_limit_bytes",
}
FUNCTIONS = {
    *("sum", "max", "count", "topk", "rate", "increase", "absent", "histogram_quantile", "vector", "time"),
    *("by", "on", "and", "or", "offset", "Inf"),
}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text()) for file in (MONITORING / "dashboards").glob("*.json")}


def queries() -> Iterator[tuple[str, str]]:
    """Each query, with what asks it."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for name, board in dashboards().items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def names(query: str) -> set[str]:
    """The metrics that a query reads."""
    bare = re.sub(r"(by|on)\s*\([^)]*\)|\{[^}]*\}|\[[^\]]*\]|offset\s+\w+|\"[^\"]*\"", " ", query)
    return set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_:]*", bare)) - FUNCTIONS


SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def described(registry: CollectorRegistry) -> dict[str, set[str]]:
    """The series of a registry's own metrics, each with its labels."""
    found: dict[str, set[str]] = {}
    for collector in registry._names_to_collectors.values():
        if isinstance(collector, MetricWrapperBase) and collector._name.startswith("memorybank_"):
            for suffix in SUFFIXES[str(collector._type)]:
                bucket = {"le"} if suffix == "_bucket" else set()
                found[collector._name + suffix] = {*collector._labelnames, *bucket}
    return found


@pytest.fixture(scope="module")
def existing() -> dict[str, set[str]]:
    assert operator_metrics.TENANTS
    return described(REGISTRY) | described(Metrics().registry)


def test_every_metric_that_is_asked_for_exists(existing: dict[str, set[str]]) -> None:
    for who, query in queries():
        assert names(query), who
        assert names(query) <= set(existing) | OTHERS, who


def test_every_label_that_is_selected_by_is_the_metrics_own_or_the_targets(existing: dict[str, set[str]]) -> None:
    of_targets = {"namespace", "pod", "memorybank_dev_tenant", "container"}
    for who, query in queries():
        for name, selected in re.findall(r"([a-z_]+)\{([^}]*)\}", query):
            labels = set(re.findall(r"(\w+)\s*[=!]", re.sub(r"\"[^\"]*\"", "", selected)))
            assert labels <= existing.get(name, set()) | of_targets, who


def test_each_alert_says_for_how_long_how_bad_what_and_where_to_read_on() -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    for rule in rules():
        assert rule["for"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert f"\n## {rule['alert']}\n" in runbooks


def test_each_dashboard_is_one_that_grafana_takes() -> None:
    boards = dashboards()
    assert set(boards) == {"fleet", "tenant", "operator"}
    for name, board in boards.items():
        assert board["uid"] == f"memorybank-{name}"
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
        assert len(set(places)) == len(places)


def test_the_chart_has_them_as_they_are() -> None:
    def content(folder: Path) -> dict[str, str]:
        files = [folder / "rules.yaml", *(folder / "dashboards").glob("*.json")]
        return {file.name: file.read_text() for file in files}

    assert content(CHART / "monitoring") == content(MONITORING)
