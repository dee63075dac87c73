"""The part of the store that changes the space of its vectors while it is in use."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future

from memorybank_service.store import spaces
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import Along, Memory, Space, Vector
from memorybank_service.store.sqlite_jobs import write_along
from memorybank_service.store.told import telling
from memorybank_service.store.writer import Transaction, Writer


@telling
class SqliteSpaces:
    def __init__(
        self, readers: Readers, writer: Writer, current: Space, changed: Callable[[Space, bool], None]
    ) -> None:
        """`changed` is told of the new space, and whether the vectors are others now, before anyone sees it."""
        self._readers, self._writer, self._changed = readers, writer, changed
        self.current = current

    def begin_next(self, name: str) -> Future[None]:
        return self._writer.submit(lambda transaction: spaces.begin_next(transaction.connection, name))

    def missing_next(self, after: int, limit: int) -> list[Memory]:
        return spaces.missing_next(self._readers.get(), after, limit)

    def count_next(self) -> tuple[int, int]:
        return spaces.count_next(self._readers.get())

    def write_next(self, vectors: Mapping[int, tuple[float, Vector]], name: str) -> Future[int]:
        return self._writer.submit(lambda transaction: spaces.write_next(transaction.connection, vectors, name))

    def swap(self, configured: Space, tolerated: int, now: float, along: Along) -> Future[bool]:
        def write(transaction: Transaction) -> bool:
            space = spaces.swap(transaction.connection, configured, tolerated)
            if space is None:
                return False
            write_along(transaction.connection, along, space, now)
            transaction.after_commit.append(lambda: self._take(space, others=True))
            return True

        return self._writer.submit(write)

    def has_old(self) -> bool:
        return spaces.has_old(self._readers.get())

    def remove_old(self, limit: int) -> Future[bool]:
        return self._writer.submit(lambda transaction: spaces.remove_old(transaction.connection, limit), "relieving")

    def learn_dimension(self, transaction: Transaction, dimension: int) -> None:
        """The first vectors have arrived."""
        space = Space(self.current.name, dimension)
        spaces.record(transaction.connection, space)
        transaction.after_commit.append(lambda: self._take(space, others=False))

    def _take(self, space: Space, *, others: bool) -> None:
        self._changed(space, others)
        self.current = space
