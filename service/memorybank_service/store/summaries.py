"""What a language model made of whole days of a user: kept apart from memories, and gone with what it was made of."""

import json
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future

from memorybank_service.store.jobs import end
from memorybank_service.store.memories import fetch, owner_of
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import NO_USER, JobEnd, KeptSummary, Memory
from memorybank_service.store.writer import Transaction, Writer

_DAY_OF = "date(m.created_at, 'unixepoch')"


class SqliteSummaries:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    def due(self, before: str, most: int) -> list[tuple[str, str]]:
        """Users with days before that one of which something was said or changed since they were read, oldest first."""
        rows = self._readers.get().execute(
            f"SELECT DISTINCT user_id, {_DAY_OF} AS said FROM memory m JOIN owner o USING (owner) "  # noqa: S608
            f"WHERE m.kind = 'turn' AND user_id <> ?1 AND m.created_at < unixepoch(?2) AND NOT EXISTS "
            "(SELECT 1 FROM summary s WHERE s.owner = m.owner AND s.kind = 'read' "
            f"AND s.day = {_DAY_OF} AND s.made_at >= m.updated_at) ORDER BY said, user_id LIMIT ?3",
            (NO_USER, before, most),
        )
        return rows.fetchall()

    def days(self, user_id: str) -> list[tuple[str, int]]:
        """On which the user's words were said, the latest first, with the number of memories."""
        return (
            self._readers.get()
            .execute(
                f"SELECT {_DAY_OF} AS said, count(*) FROM memory m WHERE m.owner = ? AND m.kind = 'turn' "  # noqa: S608
                "GROUP BY said ORDER BY said DESC",
                (self._owner(user_id),),
            )
            .fetchall()
        )

    def said_on(self, user_id: str, day: str) -> list[Memory]:
        connection = self._readers.get()
        rows = connection.execute(
            "SELECT seq FROM memory WHERE owner = ?1 AND kind = 'turn' AND created_at >= unixepoch(?2) "
            "AND created_at < unixepoch(?2, '+1 day') ORDER BY created_at, seq",
            (self._owner(user_id), day),
        )
        return list(fetch(connection, [row[0] for row in rows]).values())

    def of(self, user_id: str) -> list[KeptSummary]:
        """The oldest day first."""
        rows = self._readers.get().execute(
            "SELECT kind, day, text, sources, model, made_at FROM summary WHERE owner = ? ORDER BY day, kind",
            (self._owner(user_id),),
        )
        return [
            KeptSummary(kind, day, text, tuple(json.loads(sources)), model, made_at)
            for kind, day, text, sources, model, made_at in rows
        ]

    def write(self, user_id: str, made: Sequence[KeptSummary], ends: JobEnd | None, now: float) -> Future[int]:
        """How many are kept: of what somebody deleted meanwhile nothing is."""

        def change(transaction: Transaction) -> int:
            connection = transaction.connection
            owner = owner_of(connection, user_id)
            kept = [] if owner is None else [one for one in made if _all_there(connection, owner, one.sources)]
            connection.executemany(
                "INSERT OR REPLACE INTO summary VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(owner, s.kind, s.day, s.text, json.dumps(s.sources), s.model, s.made_at) for s in kept],
            )
            if ends is not None:
                end(connection, ends, now)
            return len(kept)

        return self._writer.submit(change)

    def _owner(self, user_id: str) -> int | None:
        return owner_of(self._readers.get(), user_id)


def _all_there(connection: sqlite3.Connection, owner: int, ids: Sequence[str]) -> bool:
    there = connection.execute(
        "SELECT count(*) FROM memory WHERE owner = ? AND id IN (SELECT value FROM json_each(?))",
        (owner, json.dumps(ids)),
    ).fetchone()[0]
    return bool(there == len(set(ids)))
