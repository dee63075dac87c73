"""What lies at a destination, below a tenant's folder:

NAMESPACE/TENANT/
    20270115T080000Z-5f0e8f0c/
        memory.db            the store, or memory.db.age where it is encrypted
        manifest.json        written last: without it there is no backup
    erasures/
        ID/receipt.json      of an erasure: whoever restores erases again
"""

import datetime
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from memorybank_backup.destination import Destination
from memorybank_backup.errors import DAMAGED, MISSING, BackupError

FORMAT: Final = 1
_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_MANIFEST, _ERASURES = "manifest.json", "erasures"
_MOST_BYTES: Final = 1 << 20
"""Of a manifest or a receipt."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A backup that is whole."""

    id: str
    tenant: str
    created_at: str
    """The moment of which it holds everything, RFC 3339."""
    memories: int
    users: int
    schema: int
    space: str
    """What the vectors in it were made by."""
    bytes: int
    sha256: str
    """Of the store's file, before encryption; so is `bytes`."""
    stored_bytes: int
    encryption: str = ""
    """"age", or nothing."""
    format: int = FORMAT

    @property
    def file(self) -> str:
        return "memory.db.age" if self.encryption else "memory.db"

    @property
    def moment(self) -> datetime.datetime:
        return datetime.datetime.fromisoformat(self.created_at)


@dataclass(frozen=True)
class Retention:
    """How many backups are kept, and for how long; None: no limit of that kind."""

    count: int | None = None
    days: int | None = None


@dataclass(frozen=True)
class Survey:
    whole: Sequence[Manifest]
    """The latest first."""
    broken_off: Sequence[str]
    """Ids of what has no manifest: it never got one, or is being written."""


class Catalog:
    """The backups of one tenant."""

    def __init__(self, destination: Destination, under: str) -> None:
        self._at, self._under = destination, under.strip("/")

    def url(self, backup_id: str) -> str:
        return self._at.url(self._path(backup_id))

    def write(self, manifest: Manifest, content: Iterable[bytes]) -> int:
        """The file; it is no backup yet. How many bytes."""
        return self._at.write(self._path(manifest.id, manifest.file), content)

    def complete(self, manifest: Manifest) -> None:
        text = json.dumps(asdict(manifest), indent=2, sort_keys=True).encode()
        self._at.write(self._path(manifest.id, _MANIFEST), [text])

    def survey(self) -> Survey:
        """What there is. A backup whose manifest is damaged, or of a newer form, is neither: it is left alone."""
        whole, broken_off = [], []
        for name in (one for one in self._at.folders(self._under) if _ID.fullmatch(one)):
            try:
                whole.append(self.find(name))
            except BackupError as error:
                if error.reason == MISSING:
                    broken_off.append(name)
                elif error.reason != DAMAGED:
                    raise
        return Survey(sorted(whole, key=lambda one: one.moment, reverse=True), broken_off)

    def find(self, backup_id: str) -> Manifest:
        """Raises BackupError where there is none, or its manifest says nothing."""
        if not _ID.fullmatch(backup_id):
            raise BackupError(MISSING, f"{backup_id!r} is no backup's id", hopeless=True)
        told = self._json(self._path(backup_id, _MANIFEST))
        names = {field.name for field in fields(Manifest)}
        if told.get("format") != FORMAT:
            message = f"{self.url(backup_id)} is of the form {told.get('format')!r}: a newer release reads it"
            raise BackupError(DAMAGED, message, hopeless=True)
        try:
            return Manifest(**{name: value for name, value in told.items() if name in names})
        except TypeError as error:
            message = f"{self.url(backup_id)} has a manifest that lacks something: {error}"
            raise BackupError(DAMAGED, message, hopeless=True) from error

    def read(self, manifest: Manifest) -> Iterator[bytes]:
        return self._at.read(self._path(manifest.id, manifest.file))

    def remove(self, backup_id: str) -> None:
        self._at.remove(self._path(backup_id))

    def erasures(self) -> list[Mapping[str, Any]]:
        """Receipts of all erasures that were told here."""
        return [self._json(self._path(_ERASURES, name, "receipt.json")) for name in self._erased()]

    def add_erasures(self, receipts: Sequence[Mapping[str, Any]]) -> int:
        """Those that are not there yet; how many these were."""
        known = set(self._erased())
        new = [receipt for receipt in receipts if receipt["id"] not in known]
        for receipt in new:
            text = json.dumps(receipt, sort_keys=True).encode()
            self._at.write(self._path(_ERASURES, str(receipt["id"]), "receipt.json"), [text])
        return len(new)

    def _erased(self) -> list[str]:
        return self._at.folders(self._path(_ERASURES))

    def _path(self, *names: str) -> str:
        return "/".join((self._under, *names))

    def _json(self, path: str) -> dict[str, Any]:
        content = b""
        for piece in self._at.read(path):
            content += piece
            if len(content) > _MOST_BYTES:
                raise BackupError(DAMAGED, f"{self._at.url(path)} is too large for what it should be", hopeless=True)
        try:
            told = json.loads(content)
        except ValueError as error:
            raise BackupError(DAMAGED, f"{self._at.url(path)} is no JSON: {error}", hopeless=True) from error
        if not isinstance(told, dict):
            raise BackupError(DAMAGED, f"{self._at.url(path)} is no JSON object", hopeless=True)
        return told


def outlived(whole: Sequence[Manifest], keep: Retention, now: datetime.datetime) -> list[Manifest]:
    """Which of these backups (the latest first) are kept no longer; never the latest, which is the last good one."""
    over = []
    for number, manifest in enumerate(whole[1:], start=1):
        too_many = keep.count is not None and number >= max(1, keep.count)
        too_old = keep.days is not None and now - manifest.moment > datetime.timedelta(days=keep.days)
        if too_many or too_old:
            over.append(manifest)
    return over
