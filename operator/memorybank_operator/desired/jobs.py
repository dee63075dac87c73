"""Pods that run once, for a backup: they take one, restore one, or try one out; pure.

Each is one attempt: what comes of it stands in its container's last word, and whoever made it decides about another.
"""

import json
from typing import Any, Final

from memorybank_operator.api.backup import Destination, RetentionRule
from memorybank_operator.api.names import backup_labels, erasures_map
from memorybank_operator.api.shared import SecretKeyRef
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired.context import given
from memorybank_operator.desired.workload import DATA_FOLDER, pod_security
from memorybank_operator.kinds import JOB

Manifest = dict[str, Any]

CONTAINER: Final = "memorybank-backup"
LONGEST_SECONDS: Final = 6 * 3600
KEPT_SECONDS: Final = 24 * 3600
"""How long a finished one stays to be looked at."""
_PROGRAM: Final = "/opt/venv/bin/memorybank-backup"
_DESTINATION_FOLDER, _KEY_FOLDER, _SEAL_FOLDER, _WORK_FOLDER = (
    "/backups",
    "/etc/memorybank/key",
    "/etc/memorybank/encryption",
    "/work",
)
_ERASURES_FOLDER, _ERASURES_FILE = "/etc/memorybank/erasures", "erasures.ndjson"
_RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}


def take(
    tenant: Tenant,
    image: str,
    name: str,
    owner: Manifest,
    destination: Destination,
    seal: SecretKeyRef | None,
    *,
    admin_key: SecretKeyRef,
    key: str,
    retention: RetentionRule | None,
    is_last: bool,
) -> Manifest:
    """One attempt at a backup; `key` is the same for all of them."""
    metadata = tenant.metadata
    variables = {
        "TENANT_URL": f"http://{metadata.name}.{metadata.namespace}.svc",
        "API_KEY_FILE": f"{_KEY_FOLDER}/key",
        **_attempt(tenant, key, retention, is_last=is_last),
    }
    pod = _pod(tenant, image, "take", variables, destination, seal)
    _mount_secret(pod, "key", admin_key, _KEY_FOLDER)
    return _job(tenant, name, owner, pod)


def _attempt(tenant: Tenant, key: str, retention: RetentionRule | None, *, is_last: bool) -> dict[str, str]:
    """What every attempt at a backup is told."""
    return {
        "TENANT_ID": tenant.metadata.name,
        "BACKUP_UNDER": f"{tenant.metadata.namespace}/{tenant.metadata.name}",
        "BACKUP_KEY": key,
        "BACKUP_RETENTION": json.dumps(given(retention) or {}),
        "LAST_ATTEMPT": "true" if is_last else "false",
    }


def final(
    tenant: Tenant,
    image: str,
    name: str,
    owner: Manifest,
    destination: Destination,
    seal: SecretKeyRef | None,
    *,
    key: str,
    is_last: bool,
) -> Manifest:
    """One attempt at the backup of a tenant that is being deleted: the volume itself, which nobody has any more.

    It needs nothing else of the tenant's, as all of that may be gone already: not even its service account. It ends no
    older one.
    """
    variables = {"CHROMA_DB_PATH": DATA_FOLDER, **_attempt(tenant, key, None, is_last=is_last)}
    pod = _pod(tenant, image, "final", variables, destination, seal)
    del pod["serviceAccountName"]
    _mount_data(pod, tenant)
    pod["containers"][0]["resources"] = given(tenant.spec.resources)
    return _job(tenant, name, owner, pod)


def restore(
    tenant: Tenant,
    image: str,
    name: str,
    owner: Manifest,
    destination: Destination,
    seal: SecretKeyRef | None,
    *,
    under: str,
    backup_id: str,
) -> Manifest:
    """Into the tenant's own volume, which no other pod has yet.

    Erasures that came after the backup stand beside the tenant that it is of, where that is of this namespace.
    """
    variables = {
        "TENANT_ID": tenant.metadata.name,
        "CHROMA_DB_PATH": DATA_FOLDER,
        "BACKUP_UNDER": under,
        "BACKUP_ID": backup_id,
    }
    pod = _pod(tenant, image, "restore", variables, destination, seal)
    _mount_data(pod, tenant)
    namespace, _, source = under.rpartition("/")
    if namespace == tenant.metadata.namespace:
        _mount_erasures(pod, source)
    return _job(tenant, name, owner, pod)


def drill(
    tenant: Tenant, image: str, name: str, owner: Manifest, destination: Destination, seal: SecretKeyRef | None
) -> Manifest:
    """Of the latest backup, with what the tenant itself may use."""
    variables = {
        "BACKUP_UNDER": f"{tenant.metadata.namespace}/{tenant.metadata.name}",
        "WORK_FOLDER": _WORK_FOLDER,
    }
    pod = _pod(tenant, image, "drill", variables, destination, seal)
    pod["volumes"].append({"name": "work", "emptyDir": {}})
    pod["containers"][0]["volumeMounts"].append({"name": "work", "mountPath": _WORK_FOLDER})
    pod["containers"][0]["resources"] = given(tenant.spec.resources)
    return _job(tenant, name, owner, pod)


def _job(tenant: Tenant, name: str, owner: Manifest, pod: Manifest) -> Manifest:
    labels = backup_labels(tenant.metadata.name)
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {
            "name": name,
            "namespace": tenant.metadata.namespace,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _pod(
    tenant: Tenant,
    image: str,
    what: str,
    variables: dict[str, str],
    destination: Destination,
    seal: SecretKeyRef | None,
) -> Manifest:
    spec = tenant.spec
    container: Manifest = {
        "name": CONTAINER,
        "image": image,
        "command": [_PROGRAM, what],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "resources": _RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 (the pod's own)
    }
    container["env"].append({"name": "RESULT_FILE", "value": "/dev/termination-log"})
    if spec.image_pull_policy:
        container["imagePullPolicy"] = spec.image_pull_policy
    pod: Manifest = {
        "restartPolicy": "Never",
        "serviceAccountName": tenant.metadata.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if spec.image_pull_secrets:
        pod["imagePullSecrets"] = [given(reference) for reference in spec.image_pull_secrets]
    scheduling = given(spec.scheduling)
    pod |= {
        name: scheduling[name] for name in ("nodeSelector", "tolerations", "priorityClassName") if name in scheduling
    }
    _reach(pod, destination)
    if seal is not None:
        _mount_secret(pod, "encryption", seal, _SEAL_FOLDER)
        container["env"].append({"name": "ENCRYPTION_KEY_FILE", "value": f"{_SEAL_FOLDER}/key"})
    return pod


def _reach(pod: Manifest, destination: Destination) -> None:
    container = pod["containers"][0]
    if destination.pvc is not None:
        told: Manifest = {"folder": _DESTINATION_FOLDER}
        claim = {"claimName": destination.pvc.claim_name}
        pod["volumes"].append({"name": "destination", "persistentVolumeClaim": claim})
        container["volumeMounts"].append({"name": "destination", "mountPath": _DESTINATION_FOLDER})
    else:
        assert destination.s3 is not None  # noqa: S101 (the resource's own rule)
        told = {"s3": {key: value for key, value in given(destination.s3).items() if key != "credentialsSecretRef"}}
        secret = destination.s3.credentials_secret_ref.name
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            reference = {"secretKeyRef": {"name": secret, "key": variable}}
            container["env"].append({"name": variable, "valueFrom": reference})
    container["env"].append({"name": "BACKUP_DESTINATION", "value": json.dumps(told)})


def _mount_data(pod: Manifest, tenant: Tenant) -> None:
    pod["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": tenant.metadata.name}})
    pod["containers"][0]["volumeMounts"].append({"name": "data", "mountPath": DATA_FOLDER})


def _mount_erasures(pod: Manifest, source: str) -> None:
    container, noted = pod["containers"][0], {"name": erasures_map(source), "optional": True}
    pod["volumes"].append({"name": "erasures", "configMap": noted})
    container["volumeMounts"].append({"name": "erasures", "mountPath": _ERASURES_FOLDER, "readOnly": True})
    container["env"].append({"name": "ERASURES_FILE", "value": f"{_ERASURES_FOLDER}/{_ERASURES_FILE}"})


def _mount_secret(pod: Manifest, name: str, secret: SecretKeyRef, folder: str) -> None:
    items = [{"key": secret.key, "path": "key"}]
    pod["volumes"].append({"name": name, "secret": {"secretName": secret.name, "items": items, "defaultMode": 0o440}})
    pod["containers"][0]["volumeMounts"].append({"name": name, "mountPath": folder, "readOnly": True})
