"""Parts of a `MemoryStore` that are about all of it: its vectors' space, its upkeep, its copies, erasing a person."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from memorybank_service.store.moved import Inventory, Moved, MovedMemory, MovedRest, SpooledLine
from memorybank_service.store.records import Along, Backup, Erasure, Memory, Space, Vector


class Spaces(Protocol):
    """Embedding every memory anew while the store is in use: into vectors of their own, which then take the place."""

    @property
    def current(self) -> Space:
        """That of the vectors which searches compare."""
        ...

    def begin_next(self, name: str) -> Future[None]:
        """The next vectors are of the space of this name; what was gathered for another is dropped."""
        ...

    def missing_next(self, after: int, limit: int) -> list[Memory]:
        """Memories without their next vector, in the order of arrival, behind the number `after`."""
        ...

    def count_next(self) -> tuple[int, int]:
        """How many memories have their next vector, of how many."""
        ...

    def write_next(self, vectors: Mapping[int, tuple[float, Vector]], name: str) -> Future[int]:
        """As `set_vectors`."""
        ...

    def swap(self, configured: Space, tolerated: int, now: float, along: Along) -> Future[bool]:
        """In one commit, unless more than `tolerated` memories lack their next vector; those that do wait for it.

        The vectors from before are left, and have to be removed before there can be another one.
        """
        ...

    def has_old(self) -> bool:
        """Whether vectors are left from before the last swap."""
        ...

    def remove_old(self, limit: int) -> Future[bool]:
        """Some of them; whether some are left then."""
        ...


@dataclass(frozen=True)
class Purged:
    """How many were removed because their time is over."""

    replies: int
    jobs: int
    copies: int
    """Of the store as it was before a migration."""


class Upkeep(Protocol):
    """What a store in use needs from time to time, each a step that others can go on beside. Raises BrokenOffError."""

    def check(self) -> None:
        """Reads everything. Raises StoreError where something is wrong."""
        ...

    def purge(self, now: float) -> Purged: ...

    def optimise(self) -> None: ...

    def shrink(self) -> int:
        """Gives what is free inside the files back to the volume; how many bytes."""
        ...

    def fold(self) -> bool:
        """The log is empty then; False where a reader was in the way."""
        ...

    def scrub(self) -> bool:
        """Nothing of what was deleted is in the files any more; False where a reader was in the way of it."""
        ...

    def rebuild_index(self) -> bool:
        """Whether so much was deleted that it is worth it."""
        ...

    def remove_copies(self, older_than: float | None = None) -> int:
        """Of the store as it was before a migration; None: all of them. How many."""
        ...

    def empty_index(self) -> bool:
        """Nothing is left of the index as it was, and it is built anew; False: not yet."""
        ...


class Erasures(Protocol):
    @property
    def count(self) -> int:
        """Since the store was opened: grows with each, so that others notice that there was one."""
        ...

    def erase(self, user_id: str, now: float, counted: Mapping[str, int]) -> Erasure:
        """All that is the person's, and all that was made of it; `counted`: what was erased elsewhere, by kind.

        Little by little, other writes in between. Raises StoreFullError, or BrokenOffError: it is `unfinished` then.
        """
        ...

    def unfinished(self) -> list[str]:
        """Users whose erasure was broken off half-way."""
        ...

    def recorded(self) -> list[Erasure]:
        """The latest first."""
        ...

    def missing(self) -> list[Erasure]:
        """Those that were done on this volume and that the store does not know of, because it is a copy from before."""
        ...

    def users_of(self, erasures: Sequence[Erasure]) -> list[str]:
        """Those of the users there are now who were erased by one of these.

        Raises ConflictError where one is not what it was when it was given.
        """
        ...

    def record(self, erasures: Sequence[Erasure]) -> Future[None]:
        """They are done here too."""
        ...


class Backups(Protocol):
    def require_room(self) -> None:
        """Raises StoreFullError where there is none for one more."""
        ...

    def make(self, backup_id: str, now: float) -> Backup:
        """Takes its time. Raises StoreFullError where there is no room for it; one that is there already is done."""
        ...

    def listed(self) -> list[Backup]:
        """The latest first."""
        ...

    def find(self, backup_id: str) -> Backup | None: ...

    def file(self, backup_id: str) -> Path:
        """Of one that there is."""
        ...

    def remove(self, backup_id: str) -> bool:
        """Whether there was one."""
        ...

    def clear_unfinished(self) -> None: ...


class Transfer(Protocol):
    """`user_id` None: of all users."""

    def inventory(self, user_id: str | None) -> Inventory: ...

    def leaving(self, user_id: str | None, after: int, limit: int) -> list[MovedMemory]:
        """In the order of their arrival, behind the number `after`."""
        ...

    def rest(self, user_id: str | None) -> list[MovedRest]:
        """What there is beside memories."""
        ...

    def come_in(
        self, moved: Sequence[Moved], erasures: int, now: float, along: Callable[[list[bool | str]], Along]
    ) -> Future[list[bool | str] | None]:
        """For each whether it is new here, or why it is refused; what goes along is made of that.

        None, and nothing was done, where somebody was erased since there were `erasures`: they may be among them.
        """
        ...


class UploadFile(Protocol):
    """What is being uploaded. One that is not kept leaves nothing behind."""

    def write(self, lines: bytes) -> None:
        """Whole lines, many at a time. Raises StoreFullError."""
        ...

    def keep(self) -> int:
        """On disk for good from here on; its size in bytes."""
        ...

    def drop(self) -> None:
        """Unless it was kept."""
        ...


class Spooling(Protocol):
    """Uploads that wait for their import, by name, each line a JSON object that names its `user_id`."""

    def upload(self, name: str) -> UploadFile:
        """Raises StoreFullError."""
        ...

    def lines(self, name: str, start: int) -> Iterator[SpooledLine]:
        """From the byte `start` on; what was erased is left out. Raises FileNotFoundError."""
        ...

    def remove(self, name: str) -> None: ...

    def erase(self, user_id: str) -> dict[str, int]:
        """How many lines were theirs, by kind."""
        ...

    def tidy(self, wanted: set[str]) -> None:
        """Removes all others."""
        ...
