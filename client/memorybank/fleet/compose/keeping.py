"""Backups of a tenant outside its volume, and tenants that begin with one: by the image's own program, in a container
of its own beside the tenant.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from memorybank.fleet.compose import life
from memorybank.fleet.compose.folder import PRIVATE, READABLE, Tenant
from memorybank.fleet.compose.names import (
    BACKUPS,
    DATA_FOLDER,
    ERASURES_FOLDER,
    HTTP_PORT,
    KEY_FOLDER,
    NAMESPACE,
    of_tenant,
)
from memorybank.fleet.compose.running import Site, answers
from memorybank.fleet.errors import NoSuchThingError, NotInTimeError, RefusedError
from memorybank.fleet.receipts import FILE, joined
from memorybank.fleet.target import Answer, BackupWish, NewTenant, RestoreSource, Say

if TYPE_CHECKING:
    from memorybank.records import Erasure

PROGRAM: Final = "/opt/venv/bin/memorybank-backup"
CREDENTIALS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
DESTINATION_FOLDER: Final = "/backups"
FIELDS: Final = (("taken_at", "takenAt"), *((name, name) for name in ("memories", "bytes", "sha256", "location", "id")))
"""Of a backup's line, as the program tells them."""


def back_up(site: Site, id: str, wish: BackupWish, *, seconds: float, wait: bool, say: Say) -> Answer:
    if not wait:
        raise ValueError("--no-wait: a backup is taken by this command itself, under --target compose")
    with site.folder.alone(id):
        return _taken(site, id, wish, seconds, say)


def _taken(site: Site, id: str, wish: BackupWish, seconds: float, say: Say) -> Answer:
    tenant, container = site.folder.get(id), site.container(id)
    if tenant.asleep or container is None or not answers(container):
        raise RefusedError(f"tenant {id} does not run, and cannot be backed up: memorybank --target compose wake {id}")
    destination = _destination(wish.destination, wish.encryption)
    began = datetime.now(UTC)
    name = wish.name or f"{id}-{began:%y%m%d%H%M%S}"
    file = site.folder.path / "backups" / f"{name}.json"
    if "/" in name or file.exists():
        raise RefusedError(f"a backup {name} exists already in {site.folder.path}: choose another --name")
    say(f"backup {name} of tenant {id}")
    variables = {
        "TENANT_URL": f"http://{of_tenant(id)}:{HTTP_PORT}",
        "API_KEY_FILE": f"{KEY_FOLDER}/key",
        "TENANT_ID": id,
        "BACKUP_UNDER": f"{NAMESPACE}/{id}",
        "BACKUP_KEY": name,
        "LAST_ATTEMPT": "true",
    }
    # An empty volume gets the owner of the folder of the image that it is mounted at: of this one, the service's user.
    mounts = [f"{site.folder.tenant(id) / 'key'}:{KEY_FOLDER}:ro"]
    line: dict[str, Any] = {"backup": name, "tenant_id": id, "created_at": _utc(began), "destination": destination}
    try:
        told = _run(site, tenant.image, "take", variables, mounts, destination, DATA_FOLDER, of_tenant(id), seconds)
    except RefusedError as error:
        line |= {"phase": "Failed", "message": str(error)}
        site.folder.write(file, json.dumps(line, indent=2), PRIVATE)
        raise RefusedError(f"the backup {name} failed: {error}") from None
    line |= {"phase": "Completed", "completed_at": _utc(datetime.now(UTC)), "message": "It is whole."}
    line |= {ours: told.get(theirs) for ours, theirs in FIELDS}
    site.folder.write(file, json.dumps(line, indent=2), PRIVATE)
    return _shown(line)


def backups(site: Site, tenant: str | None) -> Sequence[Answer]:
    lines = [_shown(one) for one in _records(site) if tenant in (None, one["tenant_id"])]
    return sorted(lines, key=lambda one: (one["tenant_id"], one["created_at"], one["backup"]))


def restore(site: Site, wish: NewTenant, source: RestoreSource, *, seconds: float, wait: bool, say: Say) -> Answer:
    under, backup_id, destination = _source(site, source)
    told: dict[str, Any] = {}

    def fill(tenant: Tenant) -> None:
        say(f"restoring {backup_id} into tenant {tenant.id}")
        variables = {
            "TENANT_ID": tenant.id,
            "CHROMA_DB_PATH": DATA_FOLDER,
            "BACKUP_UNDER": under,
            "BACKUP_ID": backup_id,
        }
        mounts = [f"{of_tenant(tenant.id)}:{DATA_FOLDER}"]
        erasures = site.folder.erasures(under.rpartition("/")[2])
        if erasures.exists():
            mounts.append(f"{erasures}:{ERASURES_FOLDER}:ro")
            variables["ERASURES_FILE"] = f"{ERASURES_FOLDER}/{FILE}"
        told.update(
            _run(site, tenant.image, "restore", variables, mounts, destination, DESTINATION_FOLDER, None, seconds)
        )

    answer = life.create(site, wish, seconds=seconds, wait=wait, say=say, fill=fill)
    restored = {"memories": told.get("memories"), "taken_at": told.get("takenAt"), "location": told.get("location")}
    return {**answer, "restored": restored}


def clone(site: Site, id: str, wish: NewTenant, through: BackupWish, *, seconds: float, wait: bool, say: Say) -> Answer:
    tenant = site.folder.get(id)
    if site.folder.find(wish.id) is not None:
        raise RefusedError(f"tenant {wish.id} exists already in {site.folder.path}")
    whole = replace(wish, spec={"image": tenant.image, **tenant.spec, **wish.spec})
    backup = back_up(site, id, through, seconds=seconds, wait=True, say=say)
    source = RestoreSource(backup=backup["backup"])
    answer = restore(site, whole, source, seconds=seconds, wait=wait, say=say)
    return {**answer, "cloned_from": id, "backup": backup["backup"]}


def note_erasures(site: Site, id: str, receipts: Iterable[Erasure]) -> str:
    """Keeps receipts beside the tenant, for whoever restores an older backup of it."""
    file = site.folder.erasures(id) / FILE
    with site.folder.alone(id):
        # Digests, no names; a container's user has another number than who runs this.
        site.folder.write(file, joined(file.read_text() if file.exists() else "", receipts), READABLE)
    return str(file)


def _source(site: Site, source: RestoreSource) -> tuple[str, str, Mapping[str, Any]]:
    """The tenant's folder at the destination, the backup's id in it, and the destination."""
    if source.backup is None:
        under, _, backup_id = (source.id or "").strip("/").rpartition("/")
        return under, backup_id, _destination(source.destination, source.encryption)
    found = next((one for one in _records(site) if one["backup"] == source.backup), None)
    if found is None:
        raise NoSuchThingError(f"there is no backup {source.backup}: `memorybank backups` lists those there are")
    if found["phase"] != "Completed":
        raise RefusedError(f"the backup {source.backup} is not whole, but {found['phase']}")
    return f"{NAMESPACE}/{found['tenant_id']}", found["id"], found["destination"]


def _records(site: Site) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in (site.folder.path / "backups").glob("*.json")]


def _destination(given: Mapping[str, Any] | None, encryption: Mapping[str, Any] | None) -> dict[str, Any]:
    """{"volume": NAME} or {"s3": ...}; credentials come from the environment alone."""
    if encryption is not None:
        raise ValueError("--encryption-key: a key in a Secret is nothing that --target compose has")
    if given is None:
        return {"volume": BACKUPS}
    if "pvc" in given:
        return {"volume": given["pvc"]["claimName"]}
    missing = [name for name in CREDENTIALS if not os.environ.get(name)]
    if missing:
        raise ValueError(f"a destination on S3 needs {' and '.join(missing)} in the environment")
    return {"s3": {key: value for key, value in given["s3"].items() if key != "credentialsSecretRef"}}


def _run(
    site: Site,
    image: str,
    what: str,
    variables: Mapping[str, str],
    mounts: Sequence[str],
    destination: Mapping[str, Any],
    at: str,
    network: str | None,
    seconds: float,
) -> dict[str, Any]:
    """What the program tells, as JSON. Raises RefusedError with its sentence."""
    told = {"folder": at} if "volume" in destination else destination
    given = {**variables, "BACKUP_DESTINATION": json.dumps(told)}
    if "volume" in destination:
        mounts = [*mounts, f"{destination['volume']}:{at}"]
    command = ["run", "--rm", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    command += [f"--network={network}"] if network else [] if "s3" in destination else ["--network=none"]
    command += [f"--volume={mount}" for mount in mounts]
    command += [f"--env={name}={value}" for name, value in given.items()]
    command += [f"--env={name}" for name in CREDENTIALS] if "s3" in destination else []
    name = f"memorybank-{what}-{uuid4().hex[:12]}"
    try:
        printed = site.engine.run(*command, f"--name={name}", f"--entrypoint={PROGRAM}", image, what, seconds=seconds)
    except NotInTimeError:
        site.engine.run("rm", "--force", name)  # it would go on without anybody who takes note of what comes of it
        raise
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def _shown(line: Mapping[str, Any]) -> Answer:
    names = (
        "backup", "tenant_id", "phase", "created_at", "taken_at", "completed_at",
        "memories", "bytes", "sha256", "verified", "location", "id", "message",
    )  # fmt: skip
    return {**{name: line.get(name) for name in names}, "namespace": NAMESPACE}


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
