"""The part of the store that knows people: their days, and what a model made of them."""

import sqlite3
from collections.abc import Collection, Sequence
from concurrent.futures import Future

from memorybank_service.store import days, jobs, summaries
from memorybank_service.store.memories import fetch, owner_of
from memorybank_service.store.people import SUMMARISE, Acquaintance, Day, Due
from memorybank_service.store.readers import Readers
from memorybank_service.store.records import NO_USER, OF_ALL_DAYS, Along, KeptSummary, Memory, NewJob, SummaryKind
from memorybank_service.store.sqlite_jobs import check_basis, write_along
from memorybank_service.store.told import telling
from memorybank_service.store.writer import Transaction, Writer

# A user waits for their days, so that one portrait is made of many; but not for ever.
_DUE = """
SELECT user_id, day FROM summary_due AS d JOIN owner USING (owner) WHERE day < ?1 AND (
    day <> '' OR since <= ?2 OR NOT (
        EXISTS (SELECT 1 FROM summary_due o WHERE o.owner = d.owner AND o.day > '' AND o.day < ?1)
        OR EXISTS (SELECT 1 FROM job WHERE job.owner = d.owner AND state IN ('queued', 'running') AND kind = ?4)))
ORDER BY day = '' DESC, day DESC LIMIT ?3
"""


@telling
class SqlitePeople:
    def __init__(self, readers: Readers, writer: Writer) -> None:
        self._readers, self._writer = readers, writer

    def write(
        self,
        user_id: str,
        made: Sequence[KeptSummary],
        now: float,
        along: Along,
        none: Collection[tuple[SummaryKind, str]] = (),
    ) -> Future[None]:
        def write(transaction: Transaction) -> None:
            connection = transaction.connection
            check_basis(connection, along)
            if (owner := owner_of(connection, user_id)) is not None:
                for kind, day in none:
                    summaries.remove(connection, owner, kind, day, now)
                for summary in made:
                    summaries.write(connection, owner, summary, now)
            write_along(connection, along, None, now, owner)

        return self._writer.submit(write)

    def summary(self, user_id: str, kind: SummaryKind, day: str = OF_ALL_DAYS) -> KeptSummary | None:
        connection = self._readers.get()
        owner = owner_of(connection, user_id)
        return None if owner is None else summaries.find(connection, owner, kind, day)

    def summaries(
        self, user_id: str, kind: SummaryKind, first: str, last: str, limit: int | None = None
    ) -> list[KeptSummary]:
        connection = self._readers.get()
        owner = owner_of(connection, user_id)
        return [] if owner is None else summaries.listed(connection, owner, kind, first, last, limit)

    def due(self, today: str, since: float, limit: int) -> list[Due]:
        rows = self._readers.get().execute(_DUE, (today, since, limit, SUMMARISE))
        return [Due(*row) for row in rows]

    def due_of(self, user_id: str, limit: int) -> list[Due]:
        connection = self._readers.get()
        rows = connection.execute(
            "SELECT day FROM summary_due WHERE owner = ? AND day <> '' ORDER BY day DESC LIMIT ?",
            (owner_of(connection, user_id), limit),
        )
        return [Due(user_id, row[0]) for row in rows]

    def hand_over(self, due: Sequence[Due], new: Sequence[NewJob], now: float) -> Future[list[str]]:
        def write(transaction: Transaction) -> list[str]:
            connection = transaction.connection
            for entry in due:
                connection.execute(
                    "DELETE FROM summary_due WHERE owner = ? AND day = ?",
                    (owner_of(connection, entry.user_id), entry.day),
                )
            left = [job for job in new if not jobs.is_of_nobody_left(connection, job)]
            return [jobs.enqueue(connection, job, now, place) for place, job in enumerate(left)]

        return self._writer.submit(write)

    def given_up(self, user_id: str) -> int:
        connection = self._readers.get()
        return jobs.given_up(connection, owner_of(connection, user_id))

    def acquaintance(self, user_id: str) -> Acquaintance | None:
        connection = self._readers.get()
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE kind = 'turn'), count(*) FILTER (WHERE kind = 'fact'), min(created_at), "
            "max(created_at) FROM memory WHERE owner = ?",
            (owner_of(connection, user_id),),
        ).fetchone()
        return None if user_id == NO_USER or row[2] is None else Acquaintance(*row)

    def days(self, user_id: str, first: str, last: str, limit: int | None = None) -> list[Day]:
        connection = self._readers.get()
        rows = connection.execute(
            f"SELECT {days.DAY_OF_MEMORY} AS day, count(*) FILTER (WHERE kind = 'turn') AS turns, "  # noqa: S608
            "count(*) FILTER (WHERE kind = 'fact') FROM memory WHERE owner = ? AND created_at >= ? AND created_at < ? "
            "GROUP BY day ORDER BY day DESC LIMIT ?",
            (owner_of(connection, user_id), *days.bounds(first, last), -1 if limit is None else limit),
        )
        return [Day(*row) for row in rows]

    def turns_of_day(self, user_id: str, day: str, limit: int) -> list[Memory]:
        return self._of_day(user_id, day, "kind = 'turn' AND expires_at IS NULL ORDER BY created_at, seq", limit)

    def facts_of_day(self, user_id: str, day: str, limit: int) -> list[Memory]:
        held = "kind = 'fact' AND superseded_by IS NULL ORDER BY importance DESC, seq"
        return self._of_day(user_id, day, held, limit)

    def said_before(self, memory: Memory, without: Collection[str], limit: int) -> list[Memory]:
        if memory.run_id is None:
            return []
        connection = self._readers.get()
        rows = connection.execute(
            "SELECT seq, id FROM memory WHERE owner = ? AND run_id = ? AND agent_id IS ? AND seq < ? "
            "AND kind = 'turn' AND expires_at IS NULL ORDER BY seq DESC LIMIT ?",
            (owner_of(connection, memory.user_id), memory.run_id, memory.agent_id, memory.seq, limit + len(without)),
        )
        chosen = [seq for seq, memory_id in rows if memory_id not in without][:limit]
        return _in_order(connection, chosen[::-1])

    def _of_day(self, user_id: str, day: str, condition: str, limit: int) -> list[Memory]:
        connection = self._readers.get()
        rows = connection.execute(
            f"SELECT seq FROM memory WHERE owner = ? AND created_at >= ? AND created_at < ? AND {condition} LIMIT ?",  # noqa: S608
            (owner_of(connection, user_id), *days.bounds(day), limit),
        ).fetchall()
        return _in_order(connection, [row[0] for row in rows])


def _in_order(connection: sqlite3.Connection, seqs: Sequence[int]) -> list[Memory]:
    found = fetch(connection, seqs)
    return [found[seq] for seq in seqs if seq in found]
