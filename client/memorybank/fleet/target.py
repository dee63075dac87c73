"""What runs tenants, as the commands see it: whatever it is, they say the same to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from memorybank.client import MemoryBankClient
    from memorybank.fleet.finding import Finding
    from memorybank.records import Erasure

Say = Callable[[str], None]
"""Takes what is being done now, for who waits."""
Answer = dict[str, Any]
"""What a command prints: its names are part of the command line's contract."""


@dataclass(frozen=True)
class NewTenant:
    """What is wished of a tenant that is to be made."""

    id: str
    hostname: str | None = None
    key: str | None = field(default=None, repr=False)
    """None: one is generated."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else is wished, as it stands in the resource."""
    if_not_exists: bool = False
    """One that is there with the same host name and key is taken for the one that is to be made."""


@dataclass(frozen=True)
class BackupWish:
    """How a backup is to be; a destination as it stands in the resource."""

    name: str | None = None
    """None: one is made of the tenant's id and the time."""
    destination: Mapping[str, Any] | None = None
    """None: the tenant's own."""
    encryption: Mapping[str, Any] | None = None
    """The Secret and the field of a key of age; None: the tenant's own, at its own destination."""


@dataclass(frozen=True)
class RestoreSource:
    """What a tenant is to begin with: a backup by its name, or a destination and a backup's id there."""

    backup: str | None = None
    destination: Mapping[str, Any] | None = None
    id: str | None = None
    encryption: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class LogLines:
    """Which lines of a log."""

    follow: bool = False
    previous: bool = False
    tail: int | None = None
    since_seconds: int | None = None


class Target(Protocol):
    """Runs tenants. Every method raises a FleetError, whose sentence says what to do."""

    def within(self, namespace: str) -> Target:
        """The same, for the tenants of another namespace: a tenant's `namespace` as `tenants` tells it."""

    def create(self, wish: NewTenant, *, seconds: float, wait: bool, say: Say) -> Answer:
        """Make a tenant; returns once it has a key, or with `wait` once it is ready."""

    def tenants(self, *, everywhere: bool = False) -> Sequence[Answer]:
        """All of them, in one line each; by name."""

    def usage(self, *, everywhere: bool = False) -> Sequence[Answer]:
        """The same lines, with what each uses and does just now."""

    def info(self, tenant: str) -> Answer:
        """All that is known of one."""

    def delete(self, tenant: str, *, seconds: float, say: Say) -> Answer:
        """Stop it and keep its data."""

    def erase(self, tenant: str, *, seconds: float, say: Say) -> Answer:
        """Remove it with all its data, also what an earlier `delete` has kept."""

    def update(self, tenant: str, version: str, *, seconds: float, say: Say) -> Answer:
        """Run another version; returns once that is ready."""

    def rotate_key(self, tenant: str, key: str, *, seconds: float, say: Say) -> Answer:
        """Make a key anew; the old one opens for a while yet."""

    def switch(self, tenant: str, state: str, *, seconds: float, say: Say) -> Answer:
        """Bring it into a state: `hibernate`, `wake`, `pause`, `resume`."""

    def back_up(self, tenant: str, wish: BackupWish, *, seconds: float, wait: bool, say: Say) -> Answer:
        """Take a backup; returns once it is whole, or without `wait` once it was asked for."""

    def backups(self, tenant: str | None, *, everywhere: bool = False) -> Sequence[Answer]:
        """Those of a tenant, or of all; the oldest first."""

    def restore(self, wish: NewTenant, source: RestoreSource, *, seconds: float, wait: bool, say: Say) -> Answer:
        """Make a tenant that begins with a backup."""

    def clone(
        self, tenant: str, wish: NewTenant, through: BackupWish, *, seconds: float, wait: bool, say: Say
    ) -> Answer:
        """Make a tenant that is as another one is now."""

    def note_erasures(self, tenant: str, receipts: Sequence[Erasure]) -> str:
        """Keep receipts outside the tenant, for whoever restores it; returns where they are."""

    def logs(self, tenant: str, lines: LogLines) -> Iterator[bytes]:
        """What it says, in pieces as they come."""

    def memory(self, tenant: str, *, say: Say) -> AbstractContextManager[MemoryBankClient]:
        """A client of its memory, with its key."""

    def examine(self, tenant: str | None, say: Say) -> Iterator[Finding]:
        """What is right and what is wrong with it all, or with one tenant, and what to do."""
