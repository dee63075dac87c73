"""Names that users, other programs and the API server hold on to."""

from typing import Final

GROUP: Final = "memorybank.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "MemoryBankTenant"
PLURAL: Final = "memorybanktenants"
BACKUP_KIND: Final = "MemoryBankBackup"
BACKUP_PLURAL: Final = "memorybankbackups"

FIELD_MANAGER: Final = "memorybank-operator"

TENANT_LABEL: Final = f"{GROUP}/tenant"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
RECONCILE_ANNOTATION: Final = f"{GROUP}/reconcile"
ROTATE_ANNOTATION: Final = f"{GROUP}/rotate-key"
"""On a tenant: the name of a generated key to make anew, and after a slash anything that tells this request apart."""
ROTATION_ANNOTATION: Final = f"{GROUP}/rotation"
"""On the access Secret: the request that was acted on last, and which Secret it replaces."""
DESIRED_ANNOTATION: Final = f"{GROUP}/desired"
"""On every child: the digest of what was applied last, by which a field that is no longer desired is noticed."""
TEMPLATE_ANNOTATION: Final = f"{GROUP}/template"
"""On the Deployment: the pod template as it was applied, and a digest of what it was rendered from."""
ACCESS_ANNOTATION: Final = f"{GROUP}/access"
"""On a running pod: the digest of its access file; changing it makes the kubelet refresh the volume at once."""

FINAL_BACKUP_FINALIZER: Final = f"{GROUP}/final-backup"
"""On a tenant under `deletionPolicy: Snapshot`: it goes only when its final backup is whole."""

BACKUP_SELECTOR: Final = f"{MANAGED_BY_LABEL}={FIELD_MANAGER},app.kubernetes.io/component=backup"
"""Jobs that take, restore or try out backups, and their pods."""
CHILD_SELECTOR: Final = f"{MANAGED_BY_LABEL}={FIELD_MANAGER},app.kubernetes.io/component=tenant"


def child_labels(tenant: str) -> dict[str, str]:
    """The labels that every child of a tenant carries."""
    return {
        "app.kubernetes.io/name": "memorybank",
        "app.kubernetes.io/component": "tenant",
        MANAGED_BY_LABEL: FIELD_MANAGER,
        TENANT_LABEL: tenant,
    }


def backup_labels(tenant: str) -> dict[str, str]:
    """Those of what works on backups: none by which the tenant's Service would find its pods."""
    return {
        "app.kubernetes.io/name": "memorybank-backup",
        "app.kubernetes.io/component": "backup",
        MANAGED_BY_LABEL: FIELD_MANAGER,
        TENANT_LABEL: tenant,
    }


def selector_labels(tenant: str) -> dict[str, str]:
    """The labels by which Service, Deployment and NetworkPolicy find the tenant's pod; never to be changed."""
    return {"app.kubernetes.io/name": "memorybank", TENANT_LABEL: tenant}


def api_key_secret(tenant: str, key: str) -> str:
    """The Secret with a generated key in the clear: the default key's has the short name of the contract."""
    return f"{tenant}-api-key" if key == "default" else f"{tenant}-api-key-{key}"


def access_secret(tenant: str) -> str:
    """The Secret with the digests that the tenant's pod mounts."""
    return f"{tenant}-access"


def erasures_map(tenant: str) -> str:
    """The ConfigMap with receipts of a tenant's erasures, which the command line notes."""
    return f"{tenant}-erasures"
