"""The tenant's pod: one, ever. Two of them would be two writers of one store."""

from typing import Any, Final

from memorybank_operator.api.names import access_secret, child_labels, selector_labels
from memorybank_operator.api.tenant import Embedding, Llm, Tenant
from memorybank_operator.desired import template
from memorybank_operator.desired.context import Context, given, manifest
from memorybank_operator.kinds import DEPLOYMENT, SERVICE_ACCOUNT

HTTP_PORT: Final = 8000
METRICS_PORT: Final = 9090
USER: Final = 10001
DATA_FOLDER: Final = "/data"
ACCESS_FOLDER: Final = "/etc/memorybank/access"
GRACE_SECONDS: Final = 30
"""Long enough to flush the index."""
CONTAINER: Final = "memorybank"

_KEY_VARIABLES: Final = {"claude": "ANTHROPIC_API_KEY", "google": "GOOGLE_API_KEY"}


def service_account(tenant: Tenant, context: Context) -> dict[str, Any]:
    """An identity that may do nothing, and whose token no pod gets."""
    return manifest(SERVICE_ACCOUNT, tenant, automountServiceAccountToken=False)


def deployment(tenant: Tenant, context: Context) -> dict[str, Any]:
    """One replica, replaced only after it has ended."""
    made = manifest(
        DEPLOYMENT,
        tenant,
        spec={
            "replicas": 0 if tenant.spec.hibernate or context.restoring else 1,
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": 600,
            # None: must not be there. Somebody's RollingUpdate leaves it behind, and Recreate may not have it.
            "strategy": {"type": "Recreate", "rollingUpdate": None},
            "selector": {"matchLabels": selector_labels(tenant.metadata.name)},
            "template": {"metadata": _pod_metadata(tenant), "spec": _pod(tenant, context)},
        },
    )
    return template.keep(made, tenant, context.image, context.template)


def provider_key_variable(provider: str) -> str:
    """The variable in which a provider's library looks for its key (litellm's convention for those we do not name)."""
    return _KEY_VARIABLES.get(provider) or f"{provider.upper().replace('-', '_')}_API_KEY"


def _pod_metadata(tenant: Tenant) -> dict[str, Any]:
    extra = tenant.spec.pod_metadata
    metadata: dict[str, Any] = {"labels": {**(extra.labels or {}), **child_labels(tenant.metadata.name)}}
    if extra.annotations:
        metadata["annotations"] = extra.annotations
    return metadata


def _pod(tenant: Tenant, context: Context) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "serviceAccountName": tenant.metadata.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod_security(),
        "containers": [_container(tenant, context)],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": tenant.metadata.name}},
            {"name": "access", "secret": {"secretName": access_secret(tenant.metadata.name), "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    if tenant.spec.image_pull_secrets:
        pod["imagePullSecrets"] = [given(reference) for reference in tenant.spec.image_pull_secrets]
    return {**pod, **_scheduling(tenant)}


def pod_security() -> dict[str, Any]:
    """Of a pod that writes to a tenant's volume, or reads it."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(tenant: Tenant, context: Context) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": context.image,
        "imagePullPolicy": tenant.spec.image_pull_policy or context.settings.image_pull_policy,
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "env": _environment(tenant),
        "resources": given(tenant.spec.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # It may wait for the lock of a pod that is still ending, and fill its index.
        "startupProbe": {**_probe("/readyz"), "periodSeconds": 1, "failureThreshold": 300},
        "readinessProbe": {**_probe("/readyz"), "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**_probe("/livez"), "periodSeconds": 10, "failureThreshold": 6},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "data", "mountPath": DATA_FOLDER},
            {"name": "access", "mountPath": ACCESS_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (the pod's own)
        ],
    }


def _probe(path: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 5}


def _environment(tenant: Tenant) -> list[dict[str, Any]]:
    spec = tenant.spec
    values = {
        "TENANT_ID": tenant.metadata.name,
        "ACCESS_FILE": f"{ACCESS_FOLDER}/access.json",
        "CHROMA_DB_PATH": DATA_FOLDER,
        "PORT": str(HTTP_PORT),
        "METRICS_PORT": str(METRICS_PORT),
        "FORGETTING_INTERVAL_HOURS": str(spec.forgetting.interval_hours),
        "FORGETTING_THRESHOLD": str(spec.forgetting.threshold_percent / 100),
        "FORGETTING_TIME_SCALE_HOURS": str(spec.forgetting.time_scale_hours),
        "FORGETTING_PURGE_AFTER_DAYS": str(spec.forgetting.purge_after_days),
        "MAINTENANCE_INTERVAL_HOURS": str(spec.maintenance.interval_hours),
        **_provider_values("LLM", spec.llm),
        **_provider_values("EMBEDDING", spec.embedding),
    }
    plain = [{"name": name, "value": value} for name, value in values.items()]
    keys = {
        provider_key_variable(provider.provider): given(provider.api_key_secret_ref)
        for provider in (spec.llm, spec.embedding)
        if provider is not None and provider.api_key_secret_ref is not None
    }
    secret = [{"name": name, "valueFrom": {"secretKeyRef": reference}} for name, reference in keys.items()]
    return plain + secret


def _provider_values(prefix: str, provider: Llm | Embedding | None) -> dict[str, str]:
    if provider is None:
        return {}
    values = {
        f"{prefix}_PROVIDER": provider.provider,
        f"{prefix}_MODEL": provider.model,
        f"{prefix}_API_BASE": provider.api_base,
    }
    return {name: value for name, value in values.items() if value is not None}


def _scheduling(tenant: Tenant) -> dict[str, Any]:
    wanted: dict[str, Any] = given(tenant.spec.scheduling)
    for constraint in wanted.get("topologySpreadConstraints", []):
        tenants = {"app.kubernetes.io/name": "memorybank", "app.kubernetes.io/component": "tenant"}
        constraint.setdefault("labelSelector", {"matchLabels": tenants})
    return wanted
