"""What is kept of tenants beside the engine: their wishes, keys and routes, a folder of files.

FOLDER/
    tenants/ID/         only for who owns it
        tenant.json     what was wished
        compose.yml     the project that it is run by
        provider.env    keys of model providers
        key/key         the tenant's key
        access/         digests of its keys, which the container reads
    kept/ID/key         of a tenant that was deleted with its data kept
    routes/             read by Traefik
    scrape/             read by Prometheus
    backups/NAME.json   what became of each backup
    erasures/ID/        receipts, read by restores
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from memorybank.fleet.errors import NoSuchThingError, RefusedError
from memorybank.fleet.keys import digest

VARIABLE: Final = "MEMORYBANK_FOLDER"
ID: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PRIVATE, READABLE = 0o600, 0o644
PRIVATE_FOLDER, READABLE_FOLDER = 0o700, 0o755


@dataclass(frozen=True)
class OldKey:
    """A replaced key that opens yet: its digest, and until when, RFC 3339."""

    sha256: str
    until: str

    @classmethod
    def of(cls, key: str, until: datetime) -> OldKey:
        return cls(digest(key), until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))


@dataclass(frozen=True)
class Tenant:
    """A tenant as it was wished."""

    id: str
    image: str
    created_at: str
    hostname: str | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)
    asleep: bool = False
    old_keys: tuple[OldKey, ...] = ()


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, id: str) -> Tenant | None:
        try:
            told = json.loads((self.tenant(id) / "tenant.json").read_text())
        except FileNotFoundError:
            return None
        return Tenant(**{**told, "old_keys": tuple(OldKey(**one) for one in told["old_keys"])})

    def get(self, id: str) -> Tenant:
        found = self.find(id)
        if found is None:
            raise NoSuchThingError(f"there is no tenant {id} in {self.path}: `memorybank list` shows those there are")
        return found

    def all(self) -> list[Tenant]:
        """By id."""
        found = [self.find(one.parent.name) for one in (self.path / "tenants").glob("*/tenant.json")]
        return sorted((one for one in found if one is not None), key=lambda one: one.id)

    def keep(self, tenant: Tenant) -> None:
        self.write(self.tenant(tenant.id) / "tenant.json", json.dumps(asdict(tenant), indent=2), PRIVATE)

    def key(self, id: str) -> str | None:
        """The tenant's, or that of one whose data were kept."""
        for file in (self.tenant(id) / "key" / "key", self.kept(id) / "key"):
            if file.exists():
                return file.read_text()
        return None

    def own_key(self, id: str) -> str:
        """As `key`. Raises RefusedError where it is lost: another in its place would lock the tenant's agents out."""
        found = self.key(id)
        if found is None:
            raise RefusedError(
                f"the key of tenant {id} is gone from {self.path}: memorybank rotate-key {id} makes another"
            )
        return found

    def keep_key(self, id: str, key: str) -> None:
        # Who may not look into the tenant's folder does not come to it; a container's user has another number.
        self.write(self.tenant(id) / "key" / "key", key, READABLE)

    def tenant(self, id: str) -> Path:
        return self.path / "tenants" / _checked(id)

    def kept(self, id: str) -> Path:
        return self.path / "kept" / _checked(id)

    def erasures(self, id: str) -> Path:
        return self.path / "erasures" / _checked(id)

    def let_go(self, id: str, *, keep_key: bool) -> None:
        """Nothing of it is left but, with `keep_key`, its key."""
        key = self.key(id)
        if keep_key and key is not None:
            self.write(self.kept(id) / "key", key, PRIVATE)
        else:
            shutil.rmtree(self.kept(id), ignore_errors=True)
        shutil.rmtree(self.tenant(id), ignore_errors=True)

    @contextmanager
    def alone(self, id: str) -> Iterator[None]:
        """One command at a time changes a tenant. Raises RefusedError where another one is at it."""
        file = self._made(self.path / "locks", PRIVATE_FOLDER) / _checked(id)
        with file.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError(f"another command works on tenant {id} just now: try again after it") from None
            yield

    def write(self, file: Path, text: str, mode: int) -> None:
        """Whole or not at all; its folder is open to whom the file is."""
        self._made(file.parent, READABLE_FOLDER if mode == READABLE else PRIVATE_FOLDER)
        new = file.with_name(f".{file.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        new.chmod(mode)
        new.replace(file)

    def _made(self, folder: Path, mode: int) -> Path:
        try:
            for parent in (*reversed(folder.relative_to(self.path).parents), folder.relative_to(self.path)):
                (self.path / parent).mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
            self.path.chmod(PRIVATE_FOLDER)
            folder.chmod(mode)
        except OSError as error:
            raise RefusedError(f"{folder} cannot be written to: {error.strerror}") from None
        return folder


def _checked(id: str) -> str:
    """What can be no tenant's id is no part of a path."""
    if not ID.fullmatch(id):
        raise NoSuchThingError(f"{id!r} can be no tenant's id")
    return id


def default_folder(variables: Mapping[str, str] = os.environ) -> Path:
    """$MEMORYBANK_FOLDER, else where a user's programs keep what they have."""
    if named := variables.get(VARIABLE):
        return Path(named).absolute()
    share = variables.get("XDG_DATA_HOME") or Path(variables.get("HOME", "/"), ".local", "share")
    return Path(share, "memorybank").absolute()
