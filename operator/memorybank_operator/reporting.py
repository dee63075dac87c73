"""Telling what was observed: the tenant's status, written only if it is another than the one that stands there."""

from typing import Any

from memorybank_operator.api.names import API_VERSION, KIND
from memorybank_operator.api.status import TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster, NotFound
from memorybank_operator.desired.context import given
from memorybank_operator.events import tell
from memorybank_operator.kinds import TENANT, VOLUME_CLAIM
from memorybank_operator.news import news
from memorybank_operator.seen import Seen, TenantKey, asked


async def write_status(
    cluster: Cluster, seen: Seen, tenant: Tenant, status: TenantStatus, known: tuple[Any, ...]
) -> None:
    """Write the status of a tenant, of which `known` is what was asked when it was computed.

    Conflict: it is another one of that name by now, or was written at the same moment; to be looked at again.
    """
    metadata = tenant.metadata
    manifest = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
        "status": given(status),
    }
    try:
        answer = await cluster.apply(TENANT, manifest, subresource="status")
    except NotFound:
        return  # deleted meanwhile: the end, no error
    if asked(answer) == known:
        seen.put(TENANT, answer)
    # Else the answer holds a change whose event is still to come, and would then be taken for old news.
    claim = seen.child(VOLUME_CLAIM, TenantKey(metadata.namespace, metadata.name))
    for one in news(tenant, status, claim):
        await tell(cluster, tenant, one.reason, one.message, warning=one.warning)
