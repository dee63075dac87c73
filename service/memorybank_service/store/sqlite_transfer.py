"""The part of the store that memories leave by and come in by, many at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from memorybank_service.store import ConflictError, transfer
from memorybank_service.store.memories import Posting, write_postings
from memorybank_service.store.moved import Inventory, Moved, MovedMemory, MovedRest
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import Along
from memorybank_service.store.sqlite_erasures import SqliteErasures
from memorybank_service.store.sqlite_jobs import write_along
from memorybank_service.store.told import telling
from memorybank_service.store.touched import Touched
from memorybank_service.store.writer import Transaction, Writer


@telling
class SqliteTransfer:
    def __init__(
        self, readers: Readers, writer: Writer, erasures: SqliteErasures, tell: Callable[[Touched], None]
    ) -> None:
        self._readers, self._writer, self._erasures, self._tell = readers, writer, erasures, tell

    def inventory(self, user_id: str | None) -> Inventory:
        return transfer.inventory(self._readers.get(), user_id)

    def leaving(self, user_id: str | None, after: int, limit: int) -> list[MovedMemory]:
        return transfer.leaving(self._readers.get(), user_id, after, limit)

    def rest(self, user_id: str | None) -> list[MovedRest]:
        return list(transfer.rest(self._readers.get(), user_id))

    def come_in(
        self, moved: Sequence[Moved], erasures: int, now: float, along: Callable[[list[bool | str]], Along]
    ) -> Future[list[bool | str] | None]:
        def write(transaction: Transaction) -> list[bool | str] | None:
            if self._erasures.count != erasures:
                return None
            touched, postings = Touched(), list[Posting]()
            results = [_come_in(transaction, one, touched, now, postings) for one in moved]
            write_postings(transaction.connection, postings)
            write_along(transaction.connection, along(results), results, now)
            transaction.after_commit.append(lambda: self._tell(touched))
            return results

        return self._writer.submit(write)


def _come_in(
    transaction: Transaction, moved: Moved, touched: Touched, now: float, postings: list[Posting]
) -> bool | str:
    try:
        return transfer.come_in(transaction.connection, moved, touched, now, postings)
    except ConflictError as error:
        return str(error)
