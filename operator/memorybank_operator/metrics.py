"""What the operator counts and measures (contracts.md, Metrics)."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

TENANTS: Final = Gauge("memorybank_operator_tenants", "Tenants by phase.", ["phase"])
RECONCILE_SECONDS: Final = Histogram(
    "memorybank_operator_reconcile_seconds",
    "Time of one reconcile.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
RECONCILES: Final = Counter("memorybank_operator_reconciles", "Reconciles by result.", ["result"])
API_REQUESTS: Final = Counter("memorybank_operator_api_requests", "Requests to the API server.", ["verb", "resource"])
ELDERS: Final = Gauge(
    "memorybank_operator_older_installations",
    "Older installations for which this one leaves namespaces alone.",
)
_OF_TENANT: Final = ("tenant_namespace", "tenant")
"""Not `namespace`, which is the operator's own where a PodMonitor reads these."""
BACKUP_COMPLETED: Final = Gauge(
    "memorybank_operator_backup_completed_timestamp_seconds",
    "When the last backup of a tenant that has spec.backup was whole (Unix time); 0: there is none yet.",
    _OF_TENANT,
)
BACKUP_DUE: Final = Gauge(
    "memorybank_operator_backup_due_timestamp_seconds",
    "The first time of its schedule after a tenant's last whole backup (Unix time).",
    _OF_TENANT,
)
BACKUP_FAILED: Final = Gauge(
    "memorybank_operator_backup_failed", "Whether a tenant's last backup failed, or is tried again.", _OF_TENANT
)
DRILL_FAILED: Final = Gauge(
    "memorybank_operator_restore_drill_failed", "Whether a tenant's last restore drill failed.", _OF_TENANT
)
WATCH_AGE_SECONDS: Final = Gauge(
    "memorybank_operator_watch_age_seconds", "Time since a watch has told something.", ["resource"]
)
