"""Kubernetes events about a tenant: said when something changed, never when it stayed."""

import datetime
import logging
import uuid

from memorybank_operator.api.names import API_VERSION, FIELD_MANAGER, KIND
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster, Transient
from memorybank_operator.kinds import EVENT

logger = logging.getLogger(__name__)


async def tell(cluster: Cluster, tenant: Tenant, reason: str, message: str, *, warning: bool = False) -> None:
    """Create an event; that it could not be created is logged and holds nothing up."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = tenant.metadata
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata.name}.{uuid.uuid4().hex[:16]}", "namespace": metadata.namespace},
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
        await cluster.create(EVENT, event)
    except Transient as error:
        logger.warning(
            "the event %s was not accepted: %s",
            reason,
            error,
            extra={"tenant": f"{metadata.namespace}/{metadata.name}"},
        )
