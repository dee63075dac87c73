"""Telling what was observed: the tenant's status, written only if it is another than the one that stands there.

What is in progress goes through steps, most of which are over before anybody could read of them. So one step after
another is told only when it lasts; where it ends, well or ill, is told at once.
"""

import logging
from typing import Any, Final

import msgspec

from memorybank_operator.answers import NotFound
from memorybank_operator.api.names import API_VERSION, KIND
from memorybank_operator.api.status import ConditionType, StorageStatus, TenantStatus
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.desired.context import given
from memorybank_operator.events import tell
from memorybank_operator.kinds import TENANT, VOLUME_CLAIM
from memorybank_operator.news import news
from memorybank_operator.observe import IN_PROGRESS
from memorybank_operator.seen import Seen, TenantKey, asked

logger = logging.getLogger(__name__)

_WHERE_IT_ENDS: Final = (
    ConditionType.READY,
    ConditionType.AVAILABLE,
    ConditionType.RECONCILING,
    ConditionType.STALLED,
)


def only_a_step(before: TenantStatus, after: TenantStatus) -> bool:
    """Whether what is in progress has gone on, and neither ended nor met with anything."""
    known, now = ({one.type: one for one in status.conditions} for status in (before, after))
    if not all(one in known and known[one].status == now[one].status for one in _WHERE_IT_ENDS):
        return False
    under_way = all(found[ConditionType.READY].reason in IN_PROGRESS for found in (known, now))
    return under_way and _without_steps(before) == _without_steps(after)


def _without_steps(status: TenantStatus) -> TenantStatus:
    storage = msgspec.structs.replace(status.storage or StorageStatus(), capacity=None)
    return msgspec.structs.replace(status, phase=None, conditions=[], storage=storage)


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
    if asked(answer.manifest()) == known:
        seen.put(TENANT, answer)
    # Else the answer holds a change whose event is still to come, and would then be taken for old news.
    claim = seen.child(VOLUME_CLAIM, TenantKey(metadata.namespace, metadata.name))
    for one in news(tenant, status, claim):
        logger.info(one.message, extra={"reason": one.reason})
        await tell(cluster, tenant, one.reason, one.message, warning=one.warning)
