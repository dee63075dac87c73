"""A tenant made: checked first, its key with it, and told once it can be used."""

from __future__ import annotations

from memorybank.fleet.errors import ExistsAlreadyError, RefusedError
from memorybank.fleet.kubernetes.cluster import Cluster
from memorybank.fleet.kubernetes.keys import given_key, read_key
from memorybank.fleet.kubernetes.kinds import TENANT, Manifest
from memorybank.fleet.kubernetes.view import condition
from memorybank.fleet.kubernetes.waiting import OPERATOR_HINT, until_ready
from memorybank.fleet.target import Answer, NewTenant, Say
from memorybank.fleet.waiting import until


def create(cluster: Cluster, wish: NewTenant, *, seconds: float, wait: bool, say: Say) -> Answer:
    say(f"making tenant {wish.id}")
    spec = dict(wish.spec)
    if wish.hostname is not None:
        spec["hostname"] = wish.hostname
    body = {"metadata": {"name": wish.id, "namespace": cluster.namespace}, "spec": spec}
    try:
        cluster.create(TENANT, body, dry_run=True)
        _refuse_taken_name(cluster, wish)
        with given_key(cluster, wish.id, wish.key):
            made = cluster.create(TENANT, body)
    except ExistsAlreadyError:
        if not wish.if_not_exists:
            raise RefusedError(
                f"tenant {wish.id} exists already in namespace {cluster.namespace}: `memorybank info {wish.id}` shows"
                " it, and --if-not-exists takes it as it is"
            ) from None
        made = _the_same(cluster, wish)
    tenant, key = _usable(cluster, made, seconds, say)
    if wait:
        tenant = until_ready(cluster, made, seconds, say, f"tenant {wish.id}")
    return {
        "tenant_id": wish.id,
        "api_key": key,
        "domain": tenant["spec"].get("hostname"),
        "endpoint": tenant["status"]["endpoint"],
    }


def _refuse_taken_name(cluster: Cluster, wish: NewTenant) -> None:
    """Before anything is made, where we may look at all tenants; else the operator tells afterwards."""
    if wish.hostname is None:
        return
    try:
        others = cluster.all(TENANT, everywhere=True)
    except RefusedError:
        return
    for other in others:
        if other["spec"].get("hostname") == wish.hostname:
            owner = f"{other['metadata']['name']} in namespace {other['metadata']['namespace']}"
            raise RefusedError(f"the host name {wish.hostname} belongs to tenant {owner}: choose another")


def _the_same(cluster: Cluster, wish: NewTenant) -> Manifest:
    """The tenant that is there, if it is what is wished."""
    tenant = cluster.get(TENANT, wish.id)
    hostname = tenant["spec"].get("hostname")
    if wish.hostname not in (None, hostname):
        raise RefusedError(f"tenant {wish.id} exists already, with the host name {hostname}, not {wish.hostname}")
    if wish.key is not None and read_key(cluster, tenant) not in (None, wish.key):
        raise RefusedError(f"tenant {wish.id} exists already, with another key")
    return tenant


def _usable(cluster: Cluster, made: Manifest, seconds: float, say: Say) -> tuple[Manifest, str]:
    """The tenant once it has an address and a key."""
    name = made["metadata"]["name"]

    def look() -> tuple[Manifest, str] | None:
        tenant = cluster.get(TENANT, name)
        access = condition(tenant, "AccessReady")
        if access.get("reason") == "HostnameTaken":
            raise RefusedError(f"tenant {name} was made, but cannot be reached: {access['message']}")
        say(f"waiting for the key of tenant {name}")
        if not (tenant.get("status") or {}).get("endpoint"):
            return None
        key = read_key(cluster, tenant)
        return None if key is None else (tenant, key)

    return until(look, seconds, lambda: f"tenant {name} was made, but has no key yet; {OPERATOR_HINT}")
