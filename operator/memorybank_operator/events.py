"""Kubernetes events about a tenant: said when something changed, never when it stayed."""

import datetime
import hashlib
import logging

from memorybank_operator.answers import Conflict, Transient
from memorybank_operator.api.names import API_VERSION, FIELD_MANAGER, KIND
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import EVENT
from memorybank_operator.moments import utc

logger = logging.getLogger(__name__)

LONGEST = 1024
"""Characters of a message: the API server takes no more."""


async def tell(cluster: Cluster, tenant: Tenant, reason: str, message: str, *, warning: bool = False) -> None:
    """Create an event, or count the same one once more; that this failed is logged and holds nothing up."""
    now = utc(datetime.datetime.now(datetime.UTC))
    metadata, message = tenant.metadata, message[:LONGEST]
    name = f"{metadata.name}.{_digest(metadata.uid, reason, message)}"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        try:
            await cluster.create(EVENT, event)
        except Conflict:
            known = await cluster.get(EVENT, metadata.namespace, name)
            again = {"count": known.get("count", 1) + 1, "lastTimestamp": now}
            await cluster.merge(EVENT, metadata.namespace, name, again)
    except Transient as error:
        logger.warning(
            "the event %s was not accepted: %s",
            reason,
            error,
            extra={"tenant": f"{metadata.namespace}/{metadata.name}"},
        )


def _digest(*parts: str) -> str:
    """The same for the same thing about the same tenant, so that one event is one object."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
