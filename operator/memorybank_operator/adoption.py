"""Making, correcting and removing a tenant's objects, and leaving alone those that only have its name."""

from collections.abc import Callable
from typing import Any, Final

from memorybank_operator.answers import Conflict, NotFound
from memorybank_operator.api.names import FIELD_MANAGER, TENANT_LABEL
from memorybank_operator.cluster import Cluster
from memorybank_operator.compare import leftovers
from memorybank_operator.kinds import Kind
from memorybank_operator.objects import Object, created_and_never_applied

Manifest = dict[str, Any]

NAME_TAKEN: Final = "NameTaken"
"""The reason of a Conflict over an object that is not ours."""


async def apply(
    cluster: Cluster,
    kind: Kind,
    desired: Manifest,
    actual: Manifest | None,
    told: Callable[[], Manifest | None] = lambda: None,
) -> Object:
    """Make or apply an object; one that was not ours is left alone (a Conflict for NAME_TAKEN).

    `told` answers the newest that is known of it by now.

    What is missing is created: that costs the API server less than an apply does, and never takes over what is there
    unseen, even if it agrees with ours in every field.
    """
    metadata = desired["metadata"]
    if actual is not None:
        return await _apply(cluster, kind, desired, actual, told)
    try:
        return await cluster.create(kind, desired)
    except Conflict:
        pass
    try:
        found = await cluster.get(kind, metadata["namespace"], metadata["name"])
    except NotFound:
        return await cluster.create(kind, desired)
    if not is_ours(found, metadata["labels"][TENANT_LABEL]):
        name = metadata["name"]
        message = (
            f"{kind.kind} {name} is there already and is not this tenant's: remove it, or name the tenant otherwise"
        )
        raise Conflict(409, NAME_TAKEN, message)
    return await _apply(cluster, kind, desired, found, told)


async def _apply(
    cluster: Cluster, kind: Kind, desired: Manifest, actual: Manifest, told: Callable[[], Manifest | None]
) -> Object:
    metadata = desired["metadata"]
    where = metadata["namespace"], metadata["name"]
    while (place := created_and_never_applied(actual)) is not None:
        try:
            await cluster.own(kind, *where, place)
            break
        except Conflict:
            # Whoever edited it, or a controller, has become one of its managers: the watch may have told of that.
            newest = told()
            if newest is None or _version(newest) <= _version(actual):
                newest = await cluster.get(kind, *where)
            if _version(newest) == _version(actual):
                raise  # not for that
            actual = newest
    if patch := leftovers(desired, actual):
        await cluster.merge(kind, *where, patch)
    return await cluster.apply(kind, desired)


def _version(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])


async def remove(cluster: Cluster, kind: Kind, actual: Manifest | None) -> bool:
    """Remove what is no longer wanted (never the volume, which is always wanted); whether it was there.

    Conflict: it is another one by now, or was written at the same moment; to be looked at again.
    """
    if actual is None or on_its_way_out(actual):
        return False
    metadata = actual["metadata"]
    try:
        await cluster.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])
    except NotFound:
        return False  # gone already
    return True


def on_its_way_out(manifest: Manifest | None) -> bool:
    """Whether it is being deleted."""
    return manifest is not None and "deletionTimestamp" in manifest["metadata"]


def is_ours(found: Manifest, tenant: str) -> bool:
    """Whether an object, as just read, is the tenant's: by its label, or because we have written it."""
    metadata = found["metadata"]
    labelled = (metadata.get("labels") or {}).get(TENANT_LABEL) == tenant
    managers = {entry.get("manager") for entry in metadata.get("managedFields") or []}
    return labelled or FIELD_MANAGER in managers
