"""The kinds of objects that the operator handles, and where the API server serves them."""

import re
from typing import Final, NamedTuple
from urllib.parse import quote

from memorybank_operator.api import names

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")


class Kind(NamedTuple):
    """A kind of object; all of the operator's are namespaced."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def api_path(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The address below the server's: of an object, of a namespace's objects, or (None) of all."""
        home = ("namespaces", _quoted(namespace)) if namespace else ()
        parts = [self.api_path, *home, self.plural, _quoted(name), subresource]
        return "/".join(part for part in parts if part)


def _quoted(name: str) -> str:
    """Where a name is no name, it must not become another object's path."""
    return name if _NAME.fullmatch(name) else quote(name, safe="")


TENANT: Final = Kind(names.GROUP, names.VERSION, names.KIND, names.PLURAL)
BACKUP: Final = Kind(names.GROUP, names.VERSION, names.BACKUP_KIND, names.BACKUP_PLURAL)
JOB: Final = Kind("batch", "v1", "Job", "jobs")
SERVICE_ACCOUNT: Final = Kind("", "v1", "ServiceAccount", "serviceaccounts")
SECRET: Final = Kind("", "v1", "Secret", "secrets")
VOLUME_CLAIM: Final = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
SERVICE: Final = Kind("", "v1", "Service", "services")
POD: Final = Kind("", "v1", "Pod", "pods")
EVENT: Final = Kind("", "v1", "Event", "events")
DEPLOYMENT: Final = Kind("apps", "v1", "Deployment", "deployments")
INGRESS: Final = Kind("networking.k8s.io", "v1", "Ingress", "ingresses")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies")
HTTP_ROUTE: Final = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
MIDDLEWARE: Final = Kind("traefik.io", "v1alpha1", "Middleware", "middlewares")
POD_MONITOR: Final = Kind("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors")
CERTIFICATE: Final = Kind("cert-manager.io", "v1", "Certificate", "certificates")
LEASE: Final = Kind("coordination.k8s.io", "v1", "Lease", "leases")

CHILDREN: Final = (
    SERVICE_ACCOUNT,
    NETWORK_POLICY,
    VOLUME_CLAIM,
    SERVICE,
    DEPLOYMENT,
    MIDDLEWARE,
    INGRESS,
    HTTP_ROUTE,
    POD_MONITOR,
)
"""Kinds that are made, one each, in this order: whatever the pod needs stands before it does."""

OPTIONAL: Final = (MIDDLEWARE, HTTP_ROUTE, POD_MONITOR, CERTIFICATE, BACKUP)
"""Kinds that a cluster may lack, and may get or lose while the operator runs."""

WATCHED: Final = (*CHILDREN, POD, JOB, BACKUP)
