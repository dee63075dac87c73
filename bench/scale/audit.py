"""What somebody asked of the API server, as its audit log tells."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

READS = frozenset({"get", "list"})
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
OWN = frozenset({"leases", "events"})
"""Resources that are not the tenants': the leader's Lease, and the events about them."""


class _Reference(msgspec.Struct, frozen=True):
    resource: str = ""
    subresource: str = ""


class _Status(msgspec.Struct, frozen=True):
    code: int = 0


class _Entry(msgspec.Struct, rename="camel"):
    stage: str
    verb: str
    object_ref: _Reference = _Reference()
    response_status: _Status = _Status()


class Requests:
    """Requests by verb and resource, of which the audit log has told since the last look."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0
        self._decoder = msgspec.json.Decoder(_Entry)

    def watched(self, resource: str) -> bool:
        """Whether a watch of this resource was begun; looks at the whole log."""
        if not self._log.exists():
            return False
        entries = map(self._decoder.decode, self._log.read_bytes().splitlines())
        return any(entry.verb == "watch" and entry.object_ref.resource == resource for entry in entries)

    def new(self) -> Counter[str]:
        """`verb resource` → how many, since this was called last. Watches are left out."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        found: Counter[str] = Counter()
        for line in whole.splitlines():
            entry = self._decoder.decode(line)
            if entry.stage == "ResponseComplete" and entry.verb in READS | WRITES:
                reference = entry.object_ref
                resource = f"{reference.resource}/{reference.subresource}".rstrip("/")
                found[f"{entry.verb} {resource or 'discovery'}"] += 1
        return found


def reads(requests: Counter[str]) -> int:
    """Reads of single objects: lists are few, and come with the watches."""
    return sum(count for name, count in requests.items() if name.startswith("get ") and _tenants(name))


def writes(requests: Counter[str], *, status: bool | None = None) -> int:
    """Writes, the Lease and events aside; with `status` only those of the tenants' status, or only the others."""
    return sum(
        count
        for name, count in requests.items()
        if name.split()[0] in WRITES and _tenants(name) and status in (None, _is_status(name))
    )


def _is_status(name: str) -> bool:
    # kopf's patches without a subresource change the tenant itself: its status with it.
    return name.split()[1].startswith("memorybanktenants")


def _tenants(name: str) -> bool:
    return name.split()[1] not in OWN | {"discovery"}
