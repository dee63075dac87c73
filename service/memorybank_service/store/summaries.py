"""What a model made of a user's days: kept with what it was made of, and gone with it.

A day of which something has changed is due, and so is its user (under the day `OF_ALL_DAYS`) when a day was summed up
anew. Nothing is due of what was said without a user.
"""

import json
import sqlite3

from memorybank_service.store import BasisGoneError
from memorybank_service.store.days import bounds, day_of
from memorybank_service.store.moved import SAME_MOMENT, MovedSummary
from memorybank_service.store.records import NO_USER, OF_ALL_DAYS, Basis, KeptSummary, SummaryKind
from memorybank_service.store.tombstones import buried

_OF_A_DAY = "kind IN ('day', 'insight')"
_COLUMNS = "kind, day, text, sources, model, made_at"


def write(connection: sqlite3.Connection, owner: int, made: KeptSummary, now: float) -> None:
    """What is of one day is newer than what is of all days, whatever the clock does: else it would not be taken in."""
    made_at = made.made_at
    if made.day != OF_ALL_DAYS:
        mark_due(connection, owner, OF_ALL_DAYS, now)
        whole = connection.execute(
            "SELECT ifnull(max(made_at), 0) FROM summary WHERE owner = ? AND day = ?", (owner, OF_ALL_DAYS)
        ).fetchone()[0]
        made_at = max(made_at, whole + 1e-6)
    connection.execute(
        "INSERT OR REPLACE INTO summary VALUES (?, ?, ?, ?, ?, ?, ?)",
        (owner, made.kind, made.day, made.text, json.dumps(made.sources), made.model, made_at),
    )


def come_in(connection: sqlite3.Connection, owner: int, moved: MovedSummary, now: float) -> bool:
    """As it was made elsewhere, unless there is one; a day all of whose words it was made of is not due then."""
    done = connection.execute(
        "INSERT OR IGNORE INTO summary VALUES (?, ?, ?, ?, ?, ?, ?)",
        (owner, moved.kind, moved.day, moved.text, json.dumps(list(moved.sources)), moved.model, moved.made_at),
    )
    if done.rowcount and moved.day != OF_ALL_DAYS:
        if not _lacks(connection, owner, moved):
            connection.execute("DELETE FROM summary_due WHERE owner = ? AND day = ?", (owner, moved.day))
        mark_due(connection, owner, OF_ALL_DAYS, now)  # the whole may have come too, and then nothing is asked for it
    return done.rowcount == 1


def find(connection: sqlite3.Connection, owner: int, kind: SummaryKind, day: str) -> KeptSummary | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM summary WHERE owner = ? AND kind = ? AND day = ?",  # noqa: S608 - our names
        (owner, kind, day),
    ).fetchone()
    return None if row is None else _summary(row)


def listed(
    connection: sqlite3.Connection, owner: int, kind: SummaryKind, first: str, last: str, limit: int | None
) -> list[KeptSummary]:
    """The latest day first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM summary WHERE owner = ? AND kind = ? AND day BETWEEN ? AND ? "  # noqa: S608 - our names
        "ORDER BY day DESC LIMIT ?",
        (owner, kind, first, last, -1 if limit is None else limit),
    )
    return [_summary(row) for row in rows]


def remove(connection: sqlite3.Connection, owner: int, kind: SummaryKind, day: str, now: float) -> None:
    """With what was made of all days, if this was one of them."""
    gone = connection.execute("DELETE FROM summary WHERE owner = ? AND kind = ? AND day = ?", (owner, kind, day))
    if gone.rowcount and day != OF_ALL_DAYS:
        _remove_wholes(connection, owner, day, now)


def said(connection: sqlite3.Connection, owner: int, user_id: str, at: float, now: float) -> None:
    """On a day something was said: what was made of it lacks that."""
    if user_id != NO_USER:
        mark_due(connection, owner, day_of(at), now)


def unsaid(connection: sqlite3.Connection, owner: int, memory_id: str, at: float, now: float) -> None:
    """Nothing that was made of a memory stays when it is deleted or reads otherwise; what can be is made anew."""
    day = day_of(at)
    gone = connection.execute(
        f"DELETE FROM summary WHERE owner = ? AND {_OF_A_DAY} AND day = ? "  # noqa: S608 - our names
        "AND EXISTS (SELECT 1 FROM json_each(sources) WHERE value = ?)",
        (owner, day, memory_id),
    )
    if gone.rowcount:
        mark_due(connection, owner, day, now)
        _remove_wholes(connection, owner, day, now)


def mark_due(connection: sqlite3.Connection, owner: int, day: str, now: float) -> None:
    """Since when it is due stays."""
    connection.execute("INSERT OR IGNORE INTO summary_due VALUES (?, ?, ?)", (owner, day, now))


def check(connection: sqlite3.Connection, owner: int | None, basis: Basis) -> None:
    """Raises BasisGoneError where something is gone, or not what it was."""
    for memory_id, updated_at in basis.memories.items():
        row = connection.execute("SELECT owner, updated_at FROM memory WHERE id = ?", (memory_id,)).fetchone()
        _require(row == (owner, updated_at))
    for (kind, day), made_at in basis.summaries.items():
        row = connection.execute(
            "SELECT made_at FROM summary WHERE owner = ? AND kind = ? AND day = ?", (owner, kind, day)
        ).fetchone()
        _require(row == (made_at,))
    if basis.unburied and owner is not None:
        _require(buried(connection, owner).isdisjoint(basis.unburied))


def _require(holds: bool) -> None:
    if not holds:
        raise BasisGoneError("what this was made of has changed meanwhile")


def _lacks(connection: sqlite3.Connection, owner: int, moved: MovedSummary) -> bool:
    """Whether something was said on its day that it was not made of, or not in these words."""
    row = connection.execute(
        "SELECT 1 FROM memory WHERE owner = ? AND created_at >= ? AND created_at < ? AND kind = 'turn' "
        "AND expires_at IS NULL AND (updated_at > ? OR id NOT IN (SELECT value FROM json_each(?))) LIMIT 1",
        (owner, *bounds(moved.day), moved.made_at + SAME_MOMENT, json.dumps(list(moved.sources))),
    ).fetchone()
    return row is not None


def _remove_wholes(connection: sqlite3.Connection, owner: int, day: str, now: float) -> None:
    connection.execute(
        f"DELETE FROM summary WHERE owner = ? AND NOT {_OF_A_DAY} "  # noqa: S608 - our names
        "AND EXISTS (SELECT 1 FROM json_each(sources) WHERE value = ?)",
        (owner, day),
    )
    mark_due(connection, owner, OF_ALL_DAYS, now)


def _summary(row: tuple[str, ...]) -> KeptSummary:
    kind, day, text, sources, model, made_at = row
    return KeptSummary(kind, day, text, tuple(json.loads(sources)), model, float(made_at))  # type: ignore[arg-type]  # only we write it
