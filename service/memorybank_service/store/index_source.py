"""The truth as the vector index sees it: what is pending, and the seal of its last close."""

from collections.abc import Sequence

from memorybank_service.store import notes
from memorybank_service.store.chroma_index import PendingEntry
from memorybank_service.store.readers import Readers
from memorybank_service.store.rosters import decode
from memorybank_service.store.told import telling
from memorybank_service.store.writer import Transaction, Writer

SEAL = "index_seal"
REMOVED = "index_removed"
"""How many entries were removed since it was built: each leaves a hole that searches have to step around."""
_PENDING = """
SELECT p.seq, m.owner, v.vector FROM index_pending p
LEFT JOIN vector v ON v.seq = p.seq LEFT JOIN memory m ON m.seq = p.seq ORDER BY p.seq LIMIT ?
"""


@telling
class TruthAsSource:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    def pending_seqs(self, limit: int) -> list[int]:
        rows = self._readers.get().execute("SELECT seq FROM index_pending LIMIT ?", (limit,))
        return [row[0] for row in rows]

    def pending_entries(self, limit: int) -> list[PendingEntry]:
        rows = self._readers.get().execute(_PENDING, (limit,)).fetchall()
        return [
            PendingEntry(seq, owner or 0, None if blob is None else decode(blob, len(blob) // 2))
            for seq, owner, blob in rows
        ]

    def settle(self, written: Sequence[int], removed: Sequence[int]) -> None:
        def write(transaction: Transaction) -> None:
            # One that was deleted after it was read stays pending: it has to leave the index again.
            transaction.connection.executemany(
                "DELETE FROM index_pending WHERE seq = ?1 AND EXISTS (SELECT 1 FROM vector WHERE seq = ?1)",
                [(seq,) for seq in written],
            )
            transaction.connection.executemany("DELETE FROM index_pending WHERE seq = ?", [(seq,) for seq in removed])
            if removed:
                before = int(notes.read(transaction.connection, REMOVED) or 0)
                notes.write(transaction.connection, {REMOVED: str(before + len(removed))})

        self._writer.submit(write, "small").result()

    def all_pending(self) -> None:
        def write(transaction: Transaction) -> None:
            transaction.connection.execute("DELETE FROM index_pending")
            transaction.connection.execute("INSERT INTO index_pending SELECT seq FROM vector")
            notes.write(transaction.connection, {REMOVED: "0"})

        self._writer.submit(write, "small").result()

    def seal(self) -> str:
        row = self._readers.get().execute("SELECT value FROM note WHERE name = ?", (SEAL,)).fetchone()
        return "" if row is None else str(row[0])

    def record_seal(self, seal: str) -> None:
        self._writer.submit(lambda transaction: notes.write(transaction.connection, {SEAL: seal}), "small").result()
