"""The kinds of objects that the commands look at, where the API has them, and the names the operator gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

Manifest = dict[str, Any]

GROUP: Final = "memorybank.dev"
VERSION: Final = "v1alpha1"
TENANT_LABEL: Final = f"{GROUP}/tenant"
ROTATE_ANNOTATION: Final = f"{GROUP}/rotate-key"
OPERATOR: Final = "memorybank-operator"
CONTAINER: Final = "memorybank"
HTTP_PORT, METRICS_PORT = 8000, 9090
KEY_FIELD: Final = "api-key"
DEFAULT_KEY: Final = "default"


@dataclass(frozen=True)
class Kind:
    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "") -> str:
        """`namespace` None: in all of them."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if self.namespaced and namespace is not None:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        return "/".join(parts)


TENANT = Kind(GROUP, VERSION, "MemoryBankTenant", "memorybanktenants")
BACKUP = Kind(GROUP, VERSION, "MemoryBankBackup", "memorybankbackups")
JOB = Kind("batch", "v1", "Job", "jobs")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
SECRET = Kind("", "v1", "Secret", "secrets")
POD = Kind("", "v1", "Pod", "pods")
SERVICE = Kind("", "v1", "Service", "services")
EVENT = Kind("", "v1", "Event", "events")
NODE = Kind("", "v1", "Node", "nodes", namespaced=False)
VOLUME_CLAIM = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VOLUME = Kind("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False)
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
INGRESS_CLASS = Kind("networking.k8s.io", "v1", "IngressClass", "ingressclasses", namespaced=False)
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False)
HTTP_ROUTE = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
CRD = Kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)


def of_tenant(tenant: str) -> str:
    """The selector of what belongs to a tenant; what works on its backups has another component."""
    return f"{TENANT_LABEL}={tenant},app.kubernetes.io/component=tenant"


def of_backups(tenant: str) -> str:
    """The selector of the Jobs that take, restore or try out a tenant's backups, and of their pods."""
    return f"{TENANT_LABEL}={tenant},app.kubernetes.io/component=backup"


def child_labels(tenant: str) -> dict[str, str]:
    """The labels of what the operator takes for a tenant's own."""
    return {
        "app.kubernetes.io/name": "memorybank",
        "app.kubernetes.io/component": "tenant",
        "app.kubernetes.io/managed-by": OPERATOR,
        TENANT_LABEL: tenant,
    }


def key_secret(tenant: str, key: str = DEFAULT_KEY) -> str:
    """The Secret with a generated key in the clear."""
    return f"{tenant}-api-key" if key == DEFAULT_KEY else f"{tenant}-api-key-{key}"
