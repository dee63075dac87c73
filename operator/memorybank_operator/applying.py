"""Bringing a tenant's objects to what is desired: the missing is made, what differs applied, the rest left alone."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from memorybank_operator import adoption
from memorybank_operator.answers import Conflict, NamespaceTerminating, NotFound, Refused
from memorybank_operator.api.names import ACCESS_ANNOTATION, DESIRED_ANNOTATION
from memorybank_operator.api.status import Problem, Reason
from memorybank_operator.api.tenant import Tenant
from memorybank_operator.cluster import Cluster
from memorybank_operator.compare import differs
from memorybank_operator.desired import Context
from memorybank_operator.events import tell
from memorybank_operator.keys import Keyring
from memorybank_operator.kinds import OPTIONAL, POD, VOLUME_CLAIM, Kind
from memorybank_operator.objects import object_from
from memorybank_operator.refusals import refusal
from memorybank_operator.repairs import REPAIRED, repaired
from memorybank_operator.seen import Seen, TenantKey
from memorybank_operator.volume import apply_without_growth

logger = logging.getLogger(__name__)

Manifest = dict[str, Any]


async def apply_children(
    cluster: Cluster,
    seen: Seen,
    tenant: Tenant,
    context: Context,
    wanted: Mapping[Kind, Manifest | None],
    there: Mapping[Kind, Manifest | None],
) -> tuple[Problem, ...]:
    """Make, correct and remove the tenant's objects; answers what the API server refuses of them.

    `there`: what was known of them when the tenant was last known to be there. One that goes while this is under way
    is a matter for the next look: it may have gone with its tenant, and would be made again for nobody.
    """
    refusals: list[Problem] = []
    made: list[str] = []
    try:
        for kind, desired in wanted.items():
            if kind in OPTIONAL and kind not in context.served:
                continue
            actual = there[kind]
            if desired is None:
                if await adoption.remove(cluster, kind, actual):
                    logger.info("%s removed", kind.kind, extra={"reason": "Removed"})
            elif problem := await _bring(cluster, seen, kind, tenant, desired, actual, made):
                refusals.append(problem)
    finally:
        if made:
            logger.info("%s applied", ", ".join(made), extra={"reason": "Applied"})
    return tuple(refusals)


async def _bring(
    cluster: Cluster,
    seen: Seen,
    kind: Kind,
    tenant: Tenant,
    desired: Manifest,
    actual: Manifest | None,
    made: list[str],
) -> Problem | None:
    """Bring one object to what is desired; answers what the API server has against it. `made`: what was missing."""
    digest = hashlib.sha256(msgspec.json.encode(desired)).hexdigest()[:16]
    desired["metadata"].setdefault("annotations", {})[DESIRED_ANNOTATION] = digest
    field = "" if actual is None else differs(desired, actual)
    if field is None or adoption.on_its_way_out(actual):
        return None
    key = TenantKey(tenant.metadata.namespace, tenant.metadata.name)
    with_namesake = seen.went_with_namesake(kind, key)
    try:
        written = await adoption.apply(cluster, kind, desired, actual, lambda: seen.child(kind, key))
        seen.answered(kind, written)
    except NamespaceTerminating:
        raise
    except Refused as error:
        if kind is VOLUME_CLAIM and actual is not None:
            rest = await apply_without_growth(cluster, tenant, desired, actual, error)
            if rest is not None:
                grown, problem = rest
                if grown is not None:
                    seen.answered(kind, grown)
                return problem
        return refusal(kind.kind, error.message)
    except Conflict as error:
        if error.reason != adoption.NAME_TAKEN:
            raise  # somebody wrote at the same moment: to be tried again, and nothing to be said
        return Problem(Reason.NAME_TAKEN, error.message)
    message = repaired(kind, tenant, desired, actual, field, with_namesake=with_namesake)
    if message:
        logger.info(message, extra={"reason": REPAIRED})
        await tell(cluster, tenant, REPAIRED, message)
    elif field:
        logger.info("%s changed at %s", kind.kind, field, extra={"reason": "Changed"})
    else:
        made.append(kind.kind)
    return None


async def refresh_access(cluster: Cluster, seen: Seen, key: TenantKey, keyring: Keyring) -> None:
    """Have the kubelet look at the access file at once, in pods that are older than its last change."""
    for pod in seen.all_of(POD, key):
        metadata = pod["metadata"]
        if adoption.on_its_way_out(pod) or metadata["creationTimestamp"] > keyring.access_since:
            continue
        # Times have whole seconds: in a pod's first, only a change that we made ourselves counts.
        if metadata["creationTimestamp"] == keyring.access_since and not keyring.access_changed:
            continue
        if (metadata.get("annotations") or {}).get(ACCESS_ANNOTATION) == keyring.access_digest:
            continue
        patch = {"metadata": {"annotations": {ACCESS_ANNOTATION: keyring.access_digest}}}
        try:
            seen.answered(POD, object_from(await cluster.merge(POD, key.namespace, metadata["name"], patch)))
        except (NotFound, Refused):
            continue  # gone; or not to be touched, and then the kubelet looks by itself within a minute or so
