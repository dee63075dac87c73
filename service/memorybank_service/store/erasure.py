"""Erasing a person: every row that is theirs or was made of what is theirs.

Many rows go in pieces, so that nobody's write waits for all of them, and so that they go on a full volume too. What
the pieces have erased stands in a note until the receipt takes it in; whoever finds the note goes on.

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
from collections import Counter
from collections.abc import Iterator, Mapping

from memorybank_service.clock import rfc3339_exact
from memorybank_service.store import Erasure, notes
from memorybank_service.store.memories import owner_of
from memorybank_service.store.touched import Touched

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
_SOME = "IN (SELECT seq FROM memory WHERE owner = ?1 ORDER BY seq LIMIT ?2)"
_ROWS = 16  # of other tables, for each memory of a piece
_UNDER_WAY = "erasing_"
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


def erase_some(
    connection: sqlite3.Connection, user_id: str, most: int, counted: Mapping[str, int], touched: Touched
) -> bool:
    """A piece of so many memories, each as a whole but for its words, or of what there is beside them.

    False where nothing is left but for `erase`. `counted`: what is to be counted along with it.
    """
    if (owner := owner_of(connection, user_id)) is None:
        return False
    counts = Counter(counted)
    seqs = _numbers(connection, owner, most)
    if seqs:
        connection.execute(
            f"INSERT OR IGNORE INTO index_pending SELECT seq FROM memory WHERE seq {_SOME}",  # noqa: S608 - our names
            (owner, most),
        )
        connection.execute(
            f"UPDATE owner SET memories = memories - ?3, words = words - "  # noqa: S608 - our names
            f"(SELECT sum(words) FROM memory WHERE seq {_SOME}) WHERE owner = ?1",
            (owner, most, len(seqs)),
        )
        for table, condition in _of_memories(connection, _SOME):
            deleted = connection.execute(f"DELETE FROM {table} WHERE {condition}", (owner, most))  # noqa: S608
            counts[_KINDS.get(table, table)] += deleted.rowcount
        touched.removed += [(seq, owner) for seq in seqs]
    elif not _erase_rows(connection, owner, most * _ROWS, counts):
        return False
    notes.write(connection, {_note(connection, user_id): json.dumps(counts + _noted(connection, user_id))})
    return True


def erase(connection: sqlite3.Connection, user_id: str, now: float, counted: Mapping[str, int]) -> Erasure:
    """What is left. `counted`: what was erased of the same person elsewhere, by kind."""
    make_key(connection)
    counts = Counter(counted) + _noted(connection, user_id)
    counts["jobs"] += connection.execute(_ABOUT, (user_id,)).rowcount
    erasure_id = str(uuid.uuid4())
    if (owner := owner_of(connection, user_id)) is not None:
        connection.execute(f"INSERT OR IGNORE INTO index_pending SELECT seq FROM memory WHERE seq {_THEIRS}", (owner,))  # noqa: S608
        for table, condition in [*_of_owner(connection), *_of_memories(connection, _THEIRS)]:
            deleted = connection.execute(f"DELETE FROM {table} WHERE {condition}", (owner,))  # noqa: S608 - our names
            counts[_KINDS.get(table, table)] += deleted.rowcount
        # Its number is never another's: what was being read of it must not find anybody else's.
        connection.execute(
            "UPDATE owner SET user_id = ?, memories = 0, words = 0 WHERE owner = ?", (f"\0{erasure_id}", owner)
        )
    connection.execute("DELETE FROM note WHERE name = ?", (_note(connection, user_id),))
    receipt = receipt_of(erasure_id, digest_of(connection, user_id), now, _told(counts))
    record(connection, receipt)
    return receipt


def unfinished(connection: sqlite3.Connection) -> list[str]:
    """Users of whom pieces are erased, and no receipt was given."""
    rows = connection.execute("SELECT name FROM note WHERE name LIKE ?", (f"{_UNDER_WAY}%",)).fetchall()
    return users_of(connection, {row[0].removeprefix(_UNDER_WAY) for row in rows})


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


def _erase_rows(connection: sqlite3.Connection, owner: int, most: int, counts: Counter[str]) -> int:
    """So many rows of the first of an owner's tables that has any."""
    for table, condition in _of_owner(connection):
        found = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))
        first, *rest = (row[0] for row in found.fetchall())
        if first == "owner":
            deleted = _erase_first(connection, table, ", ".join(rest), owner, most)
        else:
            key = ", ".join([first, *rest])
            deleted = connection.execute(
                f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {condition} LIMIT ?2)",  # noqa: S608
                (owner, most),
            ).rowcount
        counts[_KINDS.get(table, table)] += deleted
        if deleted:
            return deleted
    return 0


def _erase_first(connection: sqlite3.Connection, table: str, key: str, owner: int, most: int) -> int:
    """Of rows that are in the order of their owner and this key, up to a row: a list of them would not be looked up."""
    last = connection.execute(
        f"SELECT {key} FROM {table} WHERE owner = ? ORDER BY {key} LIMIT 1 OFFSET ?",  # noqa: S608 - our names
        (owner, most - 1),
    ).fetchone()
    upto = "" if last is None else f" AND ({key}) <= ({', '.join('?' * len(last))})"
    return connection.execute(f"DELETE FROM {table} WHERE owner = ?{upto}", (owner, *(last or ()))).rowcount  # noqa: S608


def _of_memories(connection: sqlite3.Connection, theirs: str) -> Iterator[tuple[str, str]]:
    """Tables with what belongs to memories, and the memories last."""
    for table, named in _columns(connection).items():
        if "seq" in named and "owner" not in named and table != "index_pending":
            yield table, f"seq {theirs}"
    yield "source", f"made {theirs} OR source {theirs}"
    yield "memory", f"seq {theirs}"


def _of_owner(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for table, named in _columns(connection).items():
        if table not in ("owner", "memory", "reply") and "owner" in named:
            yield table, "owner = ?1"
    yield "reply", "owner = ?1 OR owner IS NULL"  # one of several owners' memories may show some of theirs


def _columns(connection: sqlite3.Connection) -> dict[str, set[str]]:
    rows = connection.execute(
        "SELECT m.name, group_concat(c.name) FROM sqlite_master m JOIN pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' GROUP BY m.name"
    ).fetchall()
    return {name: set(listed.split(",")) for name, listed in rows}


def _numbers(connection: sqlite3.Connection, owner: int, most: int) -> list[int]:
    rows = connection.execute("SELECT seq FROM memory WHERE owner = ? ORDER BY seq LIMIT ?", (owner, most))
    return [row[0] for row in rows]


def _note(connection: sqlite3.Connection, user_id: str) -> str:
    return _UNDER_WAY + digest_of(connection, user_id)


def _noted(connection: sqlite3.Connection, user_id: str) -> Counter[str]:
    return Counter(json.loads(notes.read(connection, _note(connection, user_id)) or "{}"))


def _told(counts: Counter[str]) -> dict[str, int]:
    """Every kind, also where there was none of it."""
    return {**dict.fromkeys(_KINDS.values(), 0), **counts}
