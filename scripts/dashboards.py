"""Writes config/monitoring/dashboards/: the fleet, one tenant, and the operator, for Grafana 10 and newer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

TARGET = Path(__file__).resolve().parents[1] / "config" / "monitoring" / "dashboards"

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ONE = 'namespace="$namespace", memorybank_dev_tenant="$tenant"'
BY_TENANT = "sum by (namespace, memorybank_dev_tenant)"
TENANT_LEGEND = "{{namespace}}/{{memorybank_dev_tenant}}"


class Panel(NamedTuple):
    """A figure: its title, its unit, and its queries with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"


FLEET = (
    Panel("Tenants by phase", "short", (("sum by (phase) (memorybank_operator_tenants)", "{{phase}}"),)),
    Panel(
        "Tenants that do not answer", "short", (('count(up{memorybank_dev_tenant!=""} == 0) or vector(0)', ""),), "stat"
    ),
    Panel(
        "Requests a second",
        "reqps",
        ((f"topk(20, {BY_TENANT} (rate(memorybank_http_requests_total[5m])))", TENANT_LEGEND),),
    ),
    Panel(
        "Share of 5xx answers",
        "percentunit",
        (
            (
                f'topk(20, {BY_TENANT} (rate(memorybank_http_requests_total{{status=~"5.."}}[5m]))'
                f" / {BY_TENANT} (rate(memorybank_http_requests_total[5m])))",
                TENANT_LEGEND,
            ),
        ),
    ),
    Panel(
        "Slowest twentieth of requests",
        "s",
        (
            (
                "topk(20, histogram_quantile(0.95, sum by (le, namespace, memorybank_dev_tenant)"
                " (rate(memorybank_http_request_duration_seconds_bucket[5m]))))",
                TENANT_LEGEND,
            ),
        ),
    ),
    Panel(
        "Fullest volumes",
        "percentunit",
        (("topk(20, memorybank_volume_used_bytes / memorybank_volume_capacity_bytes)", TENANT_LEGEND),),
    ),
    Panel(
        "Hours since the last backup",
        "h",
        (
            (
                "topk(20, (time() - (memorybank_operator_backup_completed_timestamp_seconds > 0)) / 3600)",
                "{{tenant_namespace}}/{{tenant}}",
            ),
        ),
    ),
    Panel(
        "Tenants whose backup or restore drill failed",
        "short",
        (
            ("sum(memorybank_operator_backup_failed) or vector(0)", "backup"),
            ("sum(memorybank_operator_restore_drill_failed) or vector(0)", "restore drill"),
        ),
        "stat",
    ),
    Panel("Largest tenants", "short", (('topk(20, memorybank_memories{state="active"})', TENANT_LEGEND),)),
    Panel("Memories by state", "short", (("sum by (state) (memorybank_memories)", "{{state}}"),)),
)

TENANT = (
    Panel(
        "Answers a second",
        "reqps",
        ((f"sum by (status) (rate(memorybank_http_requests_total{{{ONE}}}[5m]))", "{{status}}"),),
    ),
    Panel(
        "Requests by route",
        "reqps",
        ((f"topk(10, sum by (route) (rate(memorybank_http_requests_total{{{ONE}}}[5m])))", "{{route}}"),),
    ),
    Panel(
        "Time of a request",
        "s",
        tuple(
            (
                f"histogram_quantile({share}, sum by (le)"
                f" (rate(memorybank_http_request_duration_seconds_bucket{{{ONE}}}[5m])))",
                name,
            )
            for share, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
        ),
    ),
    Panel(
        "Where a search's time goes",
        "s",
        ((f"sum by (stage) (rate(memorybank_search_seconds_sum{{{ONE}}}[5m]))", "{{stage}}"),),
    ),
    Panel("Memories", "short", ((f"memorybank_memories{{{ONE}}}", "{{state}}"),)),
    Panel("Waiting for their vector", "short", ((f"memorybank_embeddings_pending{{{ONE}}}", "memories"),)),
    Panel(
        "Volume",
        "bytes",
        (
            (f"memorybank_volume_capacity_bytes{{{ONE}}}", "capacity"),
            (f"memorybank_volume_used_bytes{{{ONE}}}", "used"),
            (f"memorybank_store_bytes{{{ONE}}}", "the tenant's files"),
        ),
    ),
    Panel("Work in the background", "short", ((f"memorybank_jobs{{{ONE}}} > 0", "{{kind}} {{state}}"),)),
    Panel(
        "Forgetting, runs a day", "short", ((f"increase(memorybank_forgetting_runs_total{{{ONE}}}[1d])", "{{result}}"),)
    ),
    Panel("Calls of the language model", "reqps", ((f"rate(memorybank_llm_calls_total{{{ONE}}}[5m])", "{{result}}"),)),
    Panel(
        "Tokens",
        "short",
        (
            (f"increase(memorybank_llm_tokens_total{{{ONE}}}[1h])", "taken in an hour"),
            (f"memorybank_llm_budget_left_tokens{{{ONE}}} < Inf", "left of the day's budget"),
        ),
    ),
)

OPERATOR = (
    Panel("Tenants by phase", "short", (("sum by (phase) (memorybank_operator_tenants)", "{{phase}}"),)),
    Panel(
        "Age of what the watches told last", "s", (("memorybank_operator_watch_age_seconds", "{{pod}} {{resource}}"),)
    ),
    Panel(
        "Reconciles a second",
        "reqps",
        (("sum by (result) (rate(memorybank_operator_reconciles_total[5m]))", "{{result}}"),),
    ),
    Panel(
        "Time of a reconcile",
        "s",
        tuple(
            (
                f"histogram_quantile({share}, sum by (le) (rate(memorybank_operator_reconcile_seconds_bucket[5m])))",
                name,
            )
            for share, name in ((0.5, "median"), (0.99, "99 %"))
        ),
    ),
    Panel(
        "Requests to the API server",
        "reqps",
        (("sum by (verb, resource) (rate(memorybank_operator_api_requests_total[5m])) > 0", "{{verb}} {{resource}}"),),
    ),
    Panel(
        "Memory of the operator's pods",
        "bytes",
        (
            (
                "process_resident_memory_bytes"
                ' and on (namespace, pod) memorybank_operator_watch_age_seconds{resource="leases"}',
                "{{pod}}",
            ),
        ),
    ),
)


def dashboard(name: str, title: str, panels: tuple[Panel, ...], *, of_one_tenant: bool = False) -> dict[str, Any]:
    """A dashboard as Grafana imports it: two panels a row."""
    variables: list[dict[str, Any]] = [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    ]
    if of_one_tenant:
        variables += [
            _variable("namespace", "Namespace", "label_values(memorybank_store_bytes, namespace)"),
            _variable(
                "tenant",
                "Tenant",
                'label_values(memorybank_store_bytes{namespace="$namespace"}, memorybank_dev_tenant)',
            ),
        ]
    return {
        "uid": f"memorybank-{name}",
        "title": title,
        "tags": ["memorybank"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": variables},
        "panels": [_panel(index, panel) for index, panel in enumerate(panels)],
    }


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
    }


def _panel(index: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": index + 1,
        "title": panel.title,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": {"x": index % 2 * 12, "y": index // 2 * 8, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": query, "legendFormat": legend, "datasource": SOURCE}
            for number, (query, legend) in enumerate(panel.queries)
        ],
    }


def main() -> None:
    made = {
        "fleet": dashboard("fleet", "MemoryBank: all tenants", FLEET),
        "tenant": dashboard("tenant", "MemoryBank: a tenant", TENANT, of_one_tenant=True),
        "operator": dashboard("operator", "MemoryBank: the operator", OPERATOR),
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (TARGET / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
