"""From a tenant to the objects it should have; pure.

`children` is the whole answer for the objects that are made; Secrets are rendered by `desired.secrets` from keys that
are read or made elsewhere.
"""

from collections.abc import Callable
from typing import Any, Final

from memorybank_operator.api.tenant import Tenant
from memorybank_operator.desired import access, edge, monitoring, network, storage, workload
from memorybank_operator.desired.context import Context
from memorybank_operator.kinds import (
    DEPLOYMENT,
    HTTP_ROUTE,
    INGRESS,
    MIDDLEWARE,
    NETWORK_POLICY,
    POD_MONITOR,
    SERVICE,
    SERVICE_ACCOUNT,
    VOLUME_CLAIM,
    Kind,
)

__all__ = ["Context", "children"]

Manifest = dict[str, Any]

_RENDERERS: Final[tuple[tuple[Kind, Callable[[Tenant, Context], Manifest | None]], ...]] = (
    (SERVICE_ACCOUNT, workload.service_account),
    (NETWORK_POLICY, network.network_policy),
    (VOLUME_CLAIM, storage.volume_claim),
    (SERVICE, access.service),
    (DEPLOYMENT, workload.deployment),
    (MIDDLEWARE, edge.middleware),
    (INGRESS, access.ingress),
    (HTTP_ROUTE, access.http_route),
    (POD_MONITOR, monitoring.pod_monitor),
)
"""Whatever the pod needs stands before it does, and the firewall first of all."""


def children(tenant: Tenant, context: Context) -> dict[Kind, Manifest | None]:
    """The tenant's objects by kind, in the order to make them; None: it should have none of that kind."""
    return {kind: render(tenant, context) for kind, render in _RENDERERS}
