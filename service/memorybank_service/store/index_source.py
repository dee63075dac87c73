"""The truth as the vector index sees it."""

from collections.abc import Sequence

from memorybank_service.store import notes, spaces
from memorybank_service.store.pending import PendingEntry
from memorybank_service.store.readers import Readers
from memorybank_service.store.told import telling
from memorybank_service.store.writer import Transaction, Writer

SEAL, _WRITTEN = "index_seal", "index_written"
_PENDING = "SELECT p.seq, v.vector FROM index_pending p LEFT JOIN vector v USING (seq) ORDER BY p.seq LIMIT ?"
# The vector as it was read: one that was replaced or removed since stays pending.
_SETTLE = "DELETE FROM index_pending WHERE seq = ?1 AND ?2 IS (SELECT vector FROM vector WHERE seq = ?1)"
_ENTRY_BYTES = 400  # of an entry, beside its vector: links, numbers, the log of what was written last


@telling
class TruthAsSource:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    def space(self) -> str:
        space = spaces.recorded(self._readers.get())
        return f"{space.name} ({space.dimension})"

    def memories_of(self, owner: int) -> int:
        return self._number("SELECT ifnull(max(memories), 0) FROM owner WHERE owner = ?", owner)

    def pending(self, limit: int) -> int:
        return self._number("SELECT count(*) FROM (SELECT 1 FROM index_pending LIMIT ?)", limit)

    def pending_entries(self, limit: int) -> list[PendingEntry]:
        return [PendingEntry(seq, blob) for seq, blob in self._readers.get().execute(_PENDING, (limit,))]

    def pending_bytes(self) -> int:
        dimension = spaces.recorded(self._readers.get()).dimension
        return self._number("SELECT count(*) FROM index_pending") * (4 * dimension + _ENTRY_BYTES)

    def settle(self, entries: Sequence[PendingEntry]) -> None:
        written = sum(entry.vector is not None for entry in entries)

        def write(transaction: Transaction) -> None:
            connection = transaction.connection
            connection.executemany(_SETTLE, [(entry.seq, entry.vector) for entry in entries])
            total = int(notes.read(connection, _WRITTEN) or 0) + written
            notes.write(connection, {_WRITTEN: str(total)})

        self._writer.submit(write, "small").result()

    def all_pending(self) -> None:
        def write(transaction: Transaction) -> None:
            transaction.connection.execute("DELETE FROM index_pending")
            transaction.connection.execute("INSERT INTO index_pending SELECT seq FROM vector")
            notes.write(transaction.connection, {_WRITTEN: "0"})

        self._writer.submit(write, "small").result()

    def written(self) -> int:
        return int(notes.read(self._readers.get(), _WRITTEN) or 0)

    def vectors(self) -> int:
        return self._number("SELECT count(*) FROM vector")

    def seal(self) -> str:
        return notes.read(self._readers.get(), SEAL) or ""

    def record_seal(self, seal: str) -> None:
        self._writer.submit(lambda transaction: notes.write(transaction.connection, {SEAL: seal}), "small").result()

    def _number(self, query: str, *parameters: int) -> int:
        return int(self._readers.get().execute(query, parameters).fetchone()[0])
