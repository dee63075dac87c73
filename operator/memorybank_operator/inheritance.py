"""A tenant's volume and keys given to it, so that the garbage collector takes them when it goes, or has gone."""

from memorybank_operator import keys
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired.context import owner_reference
from memorybank_operator.kinds import VOLUME_CLAIM
from memorybank_operator.seen import Seen, TenantKey


async def bequeath(cluster: Cluster, seen: Seen, tenant: Tenant) -> None:
    """Of a tenant under Delete; what has it for owner already stays as it is."""
    key = TenantKey(tenant.metadata.namespace, tenant.metadata.name)
    claim = seen.child(VOLUME_CLAIM, key)
    if claim is not None and "ownerReferences" not in claim["metadata"]:
        owned = {"metadata": {"ownerReferences": [owner_reference(tenant)]}}
        await cluster.merge(VOLUME_CLAIM, *key, owned)
    await keys.bequeath(cluster, tenant)
