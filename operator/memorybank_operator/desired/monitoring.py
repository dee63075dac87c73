"""The tenant's metrics, for the Prometheus operator where it is installed."""

from typing import Any

from memorybank_operator.api.names import TENANT_LABEL, selector_labels
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import Context, manifest
from memorybank_operator.kinds import POD_MONITOR


def pod_monitor(tenant: Tenant, context: Context) -> dict[str, Any] | None:
    """The PodMonitor, if it is wanted and the API is there."""
    if not tenant.spec.monitoring.enabled or POD_MONITOR not in context.served:
        return None
    return manifest(
        POD_MONITOR,
        tenant,
        spec={
            "selector": {"matchLabels": selector_labels(tenant.metadata.name)},
            "podTargetLabels": [TENANT_LABEL],
            "podMetricsEndpoints": [{"port": "metrics"}],
        },
    )
