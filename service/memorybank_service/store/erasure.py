"""Erasing a person: every row that is theirs or was made of what is theirs, in one transaction.

The tables are found by their columns: one with an `owner` belongs to a person row by row, one with a `seq` to a memory.
So a table that is added later is erased too. What remains is the receipt, in which a digest stands for the person; its
key is the store's own, so nobody can tell from a receipt whom it is about without having the store.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import uuid
from collections.abc import Iterator, Mapping

from memorybank_service.clock import rfc3339_exact
from memorybank_service.store import Erasure, notes
from memorybank_service.store.memories import owner_of

KEY = "erasure_key"
_KINDS = {
    "memory": "memories",
    "posting": "words",
    "vector": "vectors",
    "vector_next": "next_vectors",
    "vector_old": "old_vectors",
    "embed_pending": "waiting_for_vectors",
    "history": "events",
    "source": "sources",
    "tombstone": "tombstones",
    "summary": "summaries",
    "summary_due": "days_to_sum_up",
    "reply": "kept_answers",
    "job": "jobs",
}
_THEIRS = "IN (SELECT seq FROM memory WHERE owner = ?1)"
# A job that is nobody's in particular may still be about somebody.
_ABOUT = """
DELETE FROM job WHERE owner IS NULL AND (
    EXISTS (SELECT 1 FROM json_tree(arguments) WHERE atom = ?1)
    OR EXISTS (SELECT 1 FROM json_tree(progress) WHERE atom = ?1)
    OR result IS NOT NULL AND EXISTS (SELECT 1 FROM json_tree(result) WHERE atom = ?1))
"""


def make_key(connection: sqlite3.Connection) -> None:
    """Once in the life of a store; copies of it have the same."""
    if notes.read(connection, KEY) is None:
        notes.write(connection, {KEY: secrets.token_hex(32)})


def digest_of(connection: sqlite3.Connection, user_id: str) -> str:
    key = notes.read(connection, KEY) or ""
    return hmac.new(bytes.fromhex(key), user_id.encode(), hashlib.sha256).hexdigest()


def erase(connection: sqlite3.Connection, user_id: str, now: float, counted: Mapping[str, int]) -> Erasure:
    """`counted`: what was erased of the same person before, or elsewhere, by kind."""
    make_key(connection)
    counts = dict.fromkeys(_KINDS.values(), 0)
    for kind, count in counted.items():
        counts[kind] = counts.get(kind, 0) + count
    counts["jobs"] += connection.execute(_ABOUT, (user_id,)).rowcount
    erasure_id = str(uuid.uuid4())
    if (owner := owner_of(connection, user_id)) is not None:
        connection.execute(f"INSERT OR IGNORE INTO index_pending SELECT seq FROM memory WHERE seq {_THEIRS}", (owner,))  # noqa: S608
        for table, condition in _conditions(connection):
            kind = _KINDS.get(table, table)
            deleted = connection.execute(f"DELETE FROM {table} WHERE {condition}", (owner,))  # noqa: S608 - our names
            counts[kind] = counts.get(kind, 0) + deleted.rowcount
        # Its number is never another's: what was being read of it must not find anybody else's.
        connection.execute(
            "UPDATE owner SET user_id = ?, memories = 0, words = 0 WHERE owner = ?", (f"\0{erasure_id}", owner)
        )
    receipt = receipt_of(erasure_id, digest_of(connection, user_id), now, counts)
    record(connection, receipt)
    return receipt


def receipt_of(erasure_id: str, digest: str, at: float, counts: Mapping[str, int]) -> Erasure:
    """With the SHA-256 of itself as JSON: keys sorted, without blanks."""
    told = {"id": erasure_id, "user": digest, "erased_at": rfc3339_exact(at), "counts": dict(counts)}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return Erasure(erasure_id, digest, at, dict(counts), hashlib.sha256(text.encode()).hexdigest())


def is_whole(erasure: Erasure) -> bool:
    """Whether it is what it was when it was given."""
    return receipt_of(erasure.id, erasure.user, erasure.at, erasure.counts) == erasure


def record(connection: sqlite3.Connection, erasure: Erasure) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO erasure VALUES (?, ?, ?, ?, ?)",
        (erasure.id, erasure.user, erasure.at, json.dumps(erasure.counts), erasure.sha256),
    )


def recorded(connection: sqlite3.Connection) -> list[Erasure]:
    """The latest first."""
    rows = connection.execute("SELECT id, user, at, counts, sha256 FROM erasure ORDER BY at DESC, id")
    return [Erasure(row[0], row[1], row[2], json.loads(row[3]), row[4]) for row in rows]


def users_of(connection: sqlite3.Connection, digests: set[str]) -> list[str]:
    """Those of the users there are whom these digests stand for."""
    if notes.read(connection, KEY) is None:
        return []
    users = (row[0] for row in connection.execute("SELECT user_id FROM owner").fetchall())
    return [user for user in users if digest_of(connection, user) in digests]


def _conditions(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Tables with what is a person's in them; the memories themselves last."""
    rows = connection.execute(
        "SELECT m.name, group_concat(c.name) FROM sqlite_master m JOIN pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' GROUP BY m.name"
    ).fetchall()
    columns = {name: set(listed.split(",")) for name, listed in rows}
    for table, named in columns.items():
        if "seq" in named and "owner" not in named and table != "index_pending":
            yield table, f"seq {_THEIRS}"
    yield "source", f"made {_THEIRS} OR source {_THEIRS}"
    for table, named in columns.items():
        if table not in ("owner", "memory", "reply") and "owner" in named:
            yield table, "owner = ?1"
    yield "reply", "owner = ?1 OR owner IS NULL"  # one of several owners' memories may show some of theirs
    yield "memory", "owner = ?1"
