"""The statements by which memories and what belongs to them leave a store and come into another."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from memorybank_service.store import history, memories, summaries
from memorybank_service.store.moved import (
    SAME_MOMENT,
    Arrival,
    Inventory,
    Moved,
    MovedEvent,
    MovedMemory,
    MovedRest,
    MovedSummary,
    MovedTombstone,
)
from memorybank_service.store.touched import Touched


def inventory(connection: sqlite3.Connection, user_id: str | None) -> Inventory:
    """Of a user; None: of all."""
    owner = None if user_id is None else memories.owner_of(connection, user_id) or 0
    counts = [
        int(
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE ?1 IS NULL OR owner = ?1",  # noqa: S608 - our names
                (owner,),
            ).fetchone()[0]
        )
        for table in ("memory", "tombstone", "summary")
    ]
    users = connection.execute(
        "SELECT count(*) FROM owner WHERE user_id <> '' AND memories > 0 AND (?1 IS NULL OR owner = ?1)", (owner,)
    ).fetchone()[0]
    return Inventory(counts[0], int(users), counts[1], counts[2])


def leaving(connection: sqlite3.Connection, user_id: str | None, after: int, limit: int) -> list[MovedMemory]:
    """Memories of a user (None: of all) in the order of their arrival, behind the number `after`."""
    condition, parameters = "seq > ?", [after]
    if user_id is not None:
        condition, parameters = "owner = ? AND seq > ?", [memories.owner_of(connection, user_id) or 0, after]
    rows = connection.execute(
        f"SELECT seq FROM memory WHERE {condition} ORDER BY seq LIMIT ?",  # noqa: S608 - no value in it
        [*parameters, limit],
    ).fetchall()
    return [
        MovedMemory(
            memory,
            memories.sources_of(connection, seq),
            history.events(connection, memory.id),
            _vector(connection, seq),
        )
        for seq, memory in memories.fetch(connection, [row[0] for row in rows]).items()
    ]


def rest(connection: sqlite3.Connection, user_id: str | None) -> Iterator[MovedRest]:
    """Summaries, tombstones, and what happened to memories that are no more."""
    owner = None if user_id is None else memories.owner_of(connection, user_id) or 0
    users = dict(connection.execute("SELECT owner, user_id FROM owner WHERE ?1 IS NULL OR owner = ?1", (owner,)))
    theirs = "(?1 IS NULL OR owner = ?1)"
    for row in connection.execute(
        f"SELECT owner, kind, day, text, sources, model, made_at FROM summary WHERE {theirs}",  # noqa: S608
        (owner,),
    ):
        yield MovedSummary(users[row[0]], row[1], row[2], row[3], json.loads(row[4]), row[5], row[6])
    for row in connection.execute(f"SELECT owner, digest, at FROM tombstone WHERE {theirs}", (owner,)):  # noqa: S608
        yield MovedTombstone(users[row[0]], row[1], row[2])
    for row in connection.execute(
        "SELECT owner, memory_id, action, old_content, new_content, at, actor FROM history AS h "  # noqa: S608
        f"WHERE {theirs} AND NOT EXISTS (SELECT 1 FROM memory WHERE id = h.memory_id) ORDER BY id",
        (owner,),
    ):
        yield MovedEvent(users[row[0]], *row[1:])


def come_in(
    connection: sqlite3.Connection, moved: Moved, touched: Touched, now: float, postings: list[memories.Posting]
) -> bool:
    """Whether it is new here; its `postings` are left to the caller.

    Raises ConflictError where an id belongs to another memory.
    """
    if isinstance(moved, Arrival):
        return _arrive(connection, moved, touched, postings)
    owner = _owner(connection, moved.user_id)
    match moved:
        case MovedTombstone():
            done = connection.execute(
                "INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)", (owner, moved.digest, moved.at)
            )
        case MovedSummary():
            return summaries.come_in(connection, owner, moved, now)
        case MovedEvent():
            done = connection.execute(
                "INSERT INTO history (memory_id, owner, action, old_content, new_content, at, actor) "
                "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM history "
                "WHERE memory_id = ?1 AND owner = ?2 AND action = ?3 AND abs(at - ?6) < ?8)",
                (
                    moved.memory_id,
                    owner,
                    moved.action,
                    moved.old_content,
                    moved.new_content,
                    moved.at,
                    moved.actor,
                    SAME_MOMENT,
                ),
            )
    return done.rowcount == 1


def _arrive(
    connection: sqlite3.Connection, arrival: Arrival, touched: Touched, postings: list[memories.Posting]
) -> bool:
    memory = arrival.memory
    seq, is_new = memories.insert(connection, replace(memory, supersedes=()), touched, arrival.added_by, postings)
    if is_new:
        connection.execute(
            "UPDATE memory SET updated_at = ifnull(?, updated_at), recalled_at = ?, superseded_by = ? WHERE seq = ?",
            (arrival.updated_at, arrival.recalled_at, arrival.superseded_by, seq),
        )
    return is_new


def _owner(connection: sqlite3.Connection, user_id: str) -> int:
    connection.execute("INSERT OR IGNORE INTO owner (user_id) VALUES (?)", (user_id,))
    return memories.owner_of(connection, user_id) or 0


def _vector(connection: sqlite3.Connection, seq: int) -> bytes | None:
    row = connection.execute("SELECT vector FROM vector WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else bytes(row[0])
