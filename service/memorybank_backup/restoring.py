"""Putting a backup into an empty volume, before the service that is to have it starts."""

import datetime
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from memorybank_backup import disk
from memorybank_backup.catalog import Catalog, Manifest
from memorybank_backup.errors import KEY, OCCUPIED, BackupError
from memorybank_backup.sealing import Key
from memorybank_backup.taking import checked

_STORE: Final = "memory.db"
_DONE: Final = "restored.json"


def restore(
    catalog: Catalog, backup_id: str, directory: Path, *, key: Key | None, erasures: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Puts it there once: a volume that has it already stays as it is. Raises BackupError.

    `erasures`: receipts that are known beside those at the destination. Who is named in one is erased again before the
    service answers anybody.
    """
    if (directory / _STORE).exists():
        # Also where the backup itself is kept no longer.
        if (known := _done(directory)).get("location") == catalog.url(backup_id):
            return known
        message = f"the volume has memories already: restore into a new tenant (backup {backup_id})"
        raise BackupError(OCCUPIED, message, hopeless=True)
    manifest = catalog.find(backup_id)
    directory.mkdir(parents=True, exist_ok=True)
    part = directory / f".{_STORE}.part"
    try:
        disk.write(part, contents(catalog, manifest, key))
        receipts = {str(receipt["id"]): receipt for receipt in (*erasures, *catalog.erasures())}
        lines = "".join(json.dumps(_as_logged(receipt)) + "\n" for receipt in receipts.values())
        disk.write(directory / "erasures.ndjson", [lines.encode()])
        told = {**_told(manifest, catalog), "erasures": len(receipts)}
        disk.write(directory / _DONE, [json.dumps(told).encode()])
        part.rename(directory / _STORE)
        disk.sync(directory)
    except OSError as error:
        raise BackupError("VolumeFails", f"the tenant's volume cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return told


def contents(catalog: Catalog, manifest: Manifest, key: Key | None) -> Iterable[bytes]:
    """The store's file, in the clear and checked."""
    stored = catalog.read(manifest)
    if manifest.encryption:
        if key is None:
            message = f"{catalog.url(manifest.id)} is encrypted: give the key in encryptionKeySecretRef"
            raise BackupError(KEY, message, hopeless=True)
        stored = key.open(stored)
    return checked(iter(stored), manifest, catalog.url(manifest.id))


def _told(manifest: Manifest, catalog: Catalog) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "location": catalog.url(manifest.id),
        "takenAt": manifest.created_at,
        "memories": manifest.memories,
        "sha256": manifest.sha256,
    }


def _as_logged(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """As the service keeps it beside its store: the moment in seconds."""
    moment = datetime.datetime.fromisoformat(str(receipt["erased_at"]))
    return {**{name: receipt[name] for name in ("id", "user", "counts", "sha256")}, "at": moment.timestamp()}


def _done(directory: Path) -> dict[str, Any]:
    """What the restore told that filled this volume; nothing where none did."""
    try:
        return dict(json.loads((directory / _DONE).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}
