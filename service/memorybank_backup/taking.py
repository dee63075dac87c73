"""Taking a backup: a copy that the tenant makes of one moment, streamed to the destination, checked on the way."""

import datetime
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from memorybank_backup.catalog import Catalog, Manifest, Retention, outlived
from memorybank_backup.errors import DAMAGED, MISSING, BackupError
from memorybank_backup.sealing import Key
from memorybank_backup.tenant import Tenant


def take(
    tenant: Tenant, catalog: Catalog, name: str, key: str, *, seal: Key | None, keep: Retention, is_last: bool
) -> dict[str, Any]:
    """What was made, and which older backups are kept no longer. Raises BackupError.

    Tried again with the same `key`, it is the same moment's copy; after the last attempt the tenant keeps none.
    """
    copy = tenant.copy(key)
    try:
        manifest = _stored(tenant, catalog, name, copy, seal)
        told = catalog.add_erasures(tenant.erasures())
    except BackupError:
        if is_last:
            with suppress(BackupError):  # what is to be told is why there is no backup
                tenant.remove(copy["id"])
        raise
    # Last of what may fail: until then another attempt finds the same copy, and what was made of it.
    tenant.remove(copy["id"])
    return {
        "id": manifest.id,
        "location": catalog.url(manifest.id),
        "takenAt": manifest.created_at,
        "memories": manifest.memories,
        "bytes": manifest.stored_bytes,
        "sha256": manifest.sha256,
        "erasures": told,
        **_pruned(catalog, keep),
    }


def _pruned(catalog: Catalog, keep: Retention) -> dict[str, Any]:
    """Whole is whole, even where nothing older can be removed (by credentials that may not): that is told beside it."""
    try:
        return {"removed": prune(catalog, keep, datetime.datetime.now(datetime.UTC))}
    except BackupError as error:
        return {"removed": [], "notRemoved": error.message}


def _stored(tenant: Tenant, catalog: Catalog, name: str, copy: Mapping[str, Any], seal: Key | None) -> Manifest:
    manifest = Manifest(
        id=copy["id"],
        tenant=name,
        created_at=copy["created_at"],
        memories=copy["memories"],
        users=copy["users"],
        schema=copy["schema"],
        space=copy["space"],
        bytes=copy["bytes"],
        sha256=copy["sha256"],
        stored_bytes=0,
        encryption="age" if seal is not None else "",
    )
    try:
        return catalog.find(manifest.id)  # an attempt before this one ended after its last word
    except BackupError as error:
        if error.reason != MISSING:
            raise
    content = checked(tenant.read(manifest.id), manifest, "the tenant's copy")
    size = catalog.write(manifest, content if seal is None else seal.seal(content))
    manifest = replace(manifest, stored_bytes=size)
    catalog.complete(manifest)
    return manifest


def checked(content: Iterator[bytes], manifest: Manifest, what: str) -> Iterator[bytes]:
    """The same pieces; BackupError in place of the end where they are not what the manifest says."""
    digest, size = hashlib.sha256(), 0
    for piece in content:
        digest.update(piece)
        size += len(piece)
        yield piece
    if (size, digest.hexdigest()) != (manifest.bytes, manifest.sha256):
        raise BackupError(DAMAGED, f"{what} is not what it was when it was made: its SHA-256 differs")


def prune(catalog: Catalog, keep: Retention, now: datetime.datetime) -> list[str]:
    """Removes what is kept no longer, and what was broken off a day ago; the ids of the former."""
    found = catalog.survey()
    over = outlived(found.whole, keep, now)
    for manifest in over:
        catalog.remove(manifest.id)
    for backup_id in found.broken_off:
        begun = datetime.datetime.strptime(backup_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        if now - begun > datetime.timedelta(days=1):
            catalog.remove(backup_id)
    return [manifest.id for manifest in over]
