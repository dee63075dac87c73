"""A tenant gone: with its data kept, or with all there is of it."""

from __future__ import annotations

from memorybank.fleet.errors import NoSuchThingError, RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.kinds import (
    DEPLOYMENT,
    POD,
    SECRET,
    TENANT,
    TENANT_LABEL,
    VOLUME_CLAIM,
    Kind,
    Manifest,
    key_secret,
    of_tenant,
)
from memorybank.fleet.kubernetes.view import generated_keys
from memorybank.fleet.kubernetes.waiting import OPERATOR_HINT
from memorybank.fleet.target import Answer, Say
from memorybank.fleet.waiting import until


def delete(cluster: Cluster, name: str, *, seconds: float, say: Say) -> Answer:
    """Under Retain: volume and keys stay, and are taken up again by the next tenant of that name."""
    tenant = _deletable(cluster, name)
    before = tenant["spec"].get("deletionPolicy")
    keys = [key_secret(name, key) for key in generated_keys(tenant)]
    if before != "Retain":
        cluster.merge(TENANT, name, {"spec": {"deletionPolicy": "Retain"}})
    say(f"tenant {name}: its data are set free of it")

    def free() -> bool | None:
        kept = [cluster.find(VOLUME_CLAIM, name), *(cluster.find(SECRET, key) for key in keys)]
        return None if any(one and one["metadata"].get("ownerReferences") for one in kept) else True

    until(
        free,
        seconds,
        lambda: (
            f"tenant {name} is not deleted: its data would go with it, and the operator has not set"
            f" them free; {OPERATOR_HINT}"
        ),
    )
    cluster.delete(TENANT, name)
    _until_stopped(cluster, name, seconds, say)
    return {"tenant_id": name, "status": "deleted", "data": "kept"}


def erase(cluster: Cluster, name: str, *, seconds: float, say: Say) -> Answer:
    """Under Delete; what has no owner to go with is removed here."""
    try:
        tenant: Manifest | None = _deletable(cluster, name)
    except NoSuchThingError:
        if not _leftovers(cluster, name, [key_secret(name)]):
            raise
        tenant = None
    keys = [key_secret(name)] if tenant is None else [key_secret(name, key) for key in generated_keys(tenant)]
    if tenant is not None:
        before = tenant["spec"].get("deletionPolicy")
        cluster.merge(TENANT, name, {"spec": {"deletionPolicy": "Delete"}})
        try:
            cluster.delete(TENANT, name)
        except RefusedError:
            cluster.merge(TENANT, name, {"spec": {"deletionPolicy": before}})
            raise
    _until_stopped(cluster, name, seconds, say)
    for kind, left in _leftovers(cluster, name, keys):
        try:
            cluster.delete(kind, left)
        except NoSuchThingError:
            continue  # the garbage collector was faster

    def gone() -> bool | None:
        left = _leftovers(cluster, name, keys)
        if left:
            say(f"tenant {name}: waiting until {', '.join(f'{kind.name} {one}' for kind, one in left)} is gone")
        return None if left else True

    until(
        gone,
        seconds,
        lambda: (
            f"tenant {name} is gone, but not all its data; look at `kubectl -n {cluster.namespace} get pvc,secret"
            f" -l {of_tenant(name)}`"
        ),
    )
    return {"tenant_id": name, "status": "deleted", "data": "removed"}


def _deletable(cluster: Cluster, name: str) -> Manifest:
    """The tenant, of which nothing is changed yet; raises where it may not be deleted."""
    tenant = cluster.get(TENANT, name)
    if tenant["spec"].get("deletionProtection"):
        raise RefusedError(
            f"tenant {name} is protected: `kubectl -n {cluster.namespace} patch memorybanktenant {name} --type merge"
            ' -p \'{"spec":{"deletionProtection":false}}\'` takes that away'
        )
    cluster.delete(TENANT, name, dry_run=True)
    return tenant


def _leftovers(cluster: Cluster, name: str, keys: list[str]) -> list[tuple[Kind, str]]:
    """Its volume claim and its generated keys' Secrets, those that are there and carry its label."""
    claim = cluster.find(VOLUME_CLAIM, name)
    found = [(VOLUME_CLAIM, name)] if claim is not None and _is_of(claim, name) else []
    try:
        secrets = [one for one in cluster.names(SECRET, of_tenant(name)) if one.startswith(key_secret(name))]
    except RefusedError:  # who may not list Secrets may yet read those whose names are known
        secrets = [one for one in keys if _is_of(cluster.find(SECRET, one), name)]
    return [*found, *((SECRET, one) for one in secrets)]


def _is_of(thing: Manifest | None, tenant: str) -> bool:
    return thing is not None and (thing["metadata"].get("labels") or {}).get(TENANT_LABEL) == tenant


def _until_stopped(cluster: Cluster, name: str, seconds: float, say: Say) -> None:
    def stopped() -> bool | None:
        if cluster.find(TENANT, name) is not None:
            say(f"waiting until tenant {name} is gone")
            return None
        say(f"waiting until the pod of tenant {name} has ended")
        if cluster.find(DEPLOYMENT, name) is not None or cluster.all(POD, labels=of_tenant(name)):
            return None
        return True

    until(
        stopped,
        seconds,
        lambda: (
            f"tenant {name} is being deleted, and is not gone yet; look at `kubectl -n {cluster.namespace} get"
            f" memorybanktenant,deployment,pod -l {of_tenant(name)}`"
        ),
    )
