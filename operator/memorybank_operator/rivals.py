"""Which of several tenants has a host name that all of them want: the oldest; pure."""

from collections.abc import Iterable
from typing import Any

from memorybank_operator.api.tenant import Tenant

Manifest = dict[str, Any]


def hostname_owner(tenant: Tenant, others: Iterable[Manifest]) -> str:
    """The older tenant that has this tenant's host name, for a sentence; empty: none has.

    One of another namespace is not named: who that is, is no business of this namespace's users.
    """
    if tenant.spec.hostname is None:
        return ""
    own = (tenant.metadata.creation_timestamp, tenant.metadata.uid)
    older = (
        other["metadata"]
        for other in others
        if other["spec"].get("hostname") == tenant.spec.hostname
        and (other["metadata"]["creationTimestamp"], other["metadata"]["uid"]) < own
    )
    owner = min(older, key=lambda metadata: (metadata["creationTimestamp"], metadata["uid"]), default=None)
    if owner is None:
        return ""
    if owner["namespace"] != tenant.metadata.namespace:
        return "an older tenant of another namespace"
    return f"the older tenant {owner['name']} of this namespace"
