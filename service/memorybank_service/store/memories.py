"""The statements that add, change, remove and read memories, each within the transaction of its caller."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TypeAlias

from memorybank_service.store import ConflictError, summaries, words
from memorybank_service.store.history import events, forget_texts, record
from memorybank_service.store.marks import marks
from memorybank_service.store.records import GONE, Amendment, Memory, NewMemory
from memorybank_service.store.rosters import encode
from memorybank_service.store.tombstones import bury
from memorybank_service.store.touched import Touched

Posting: TypeAlias = tuple[int, str, int, int]
"""An owner, a term, a memory's number, and how often it stands there."""
_COLUMNS = [column.name for column in fields(Memory)]
_READ = frozenset({"content", "speaker", "created_at", "expires_at"})
"""What summaries are made of."""
_MEMORIES = f"SELECT {', '.join(_COLUMNS)} FROM memory JOIN owner USING (owner) WHERE seq IN "  # noqa: S608 - our names
_AT_ONCE = 100
"""Statements of few lengths stay prepared."""


def owner_of(connection: sqlite3.Connection, user_id: str) -> int | None:
    row = connection.execute("SELECT owner FROM owner WHERE user_id = ?", (user_id,)).fetchone()
    return None if row is None else int(row[0])


def seq_of(connection: sqlite3.Connection, memory_id: str) -> int | None:
    row = connection.execute("SELECT seq FROM memory WHERE id = ?", (memory_id,)).fetchone()
    return None if row is None else int(row[0])


def fetch(connection: sqlite3.Connection, seqs: Iterable[int]) -> dict[int, Memory]:
    """In the order asked for."""
    wanted, found = list(seqs), dict[int, Memory]()
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        for row in connection.execute(f"{_MEMORIES}({', '.join('?' * len(some))})", some):
            columns = dict(zip(_COLUMNS, row, strict=True))
            columns |= {"metadata": json.loads(columns["metadata"]), "pinned": bool(columns["pinned"])}
            memory = Memory(**columns)
            found[memory.seq] = memory
    return {seq: found[seq] for seq in wanted if seq in found}


def sources_of(connection: sqlite3.Connection, seq: int) -> list[str]:
    """Ids of what a fact was made of, in the order of arrival."""
    rows = connection.execute("SELECT id FROM source JOIN memory ON seq = source WHERE made = ? ORDER BY seq", (seq,))
    return [row[0] for row in rows]


def facts_of(connection: sqlite3.Connection, seq: int) -> list[str]:
    """Ids of the facts that were made of a memory, be it with others."""
    rows = connection.execute("SELECT id FROM source JOIN memory ON seq = made WHERE source = ? ORDER BY seq", (seq,))
    return [row[0] for row in rows]


def insert_all(
    connection: sqlite3.Connection, new: Iterable[NewMemory], touched: Touched, actor: str | None
) -> list[tuple[int, bool]]:
    """Of each what `insert` returns."""
    postings: list[Posting] = []
    inserted = [insert(connection, memory, touched, actor, postings) for memory in new]
    write_postings(connection, postings)
    return inserted


def insert(
    connection: sqlite3.Connection, memory: NewMemory, touched: Touched, actor: str | None, postings: list[Posting]
) -> tuple[int, bool]:
    """The memory's number, and whether it is new: the same words under a known id change nothing.

    Its `postings` are left to the caller, who writes those of many at once: see `write_postings`.
    Raises ConflictError where the id belongs to another memory.
    """
    if (seq := seq_of(connection, memory.id)) is not None:
        known = fetch(connection, [seq])[seq]
        if (known.content, known.user_id) != (memory.content, memory.user_id):
            raise ConflictError(f"the id {memory.id!r} belongs to another memory")
        return seq, False
    counts, total = words.indexed(memory.content)
    owner: int = connection.execute(
        "INSERT INTO owner (user_id, memories, words) VALUES (?, 1, ?) ON CONFLICT (user_id) DO UPDATE "
        "SET memories = memories + 1, words = words + excluded.words RETURNING owner",
        (memory.user_id, total),
    ).fetchone()[0]
    columns = {
        "id": memory.id,
        "owner": owner,
        "agent_id": memory.agent_id,
        "run_id": memory.run_id,
        "speaker": memory.speaker,
        "content": memory.content,
        "metadata": _json(memory.metadata),
        "words": total,
        "marks": marks(memory.content),
        "created_at": memory.created_at,
        "stored_at": memory.stored_at,
        "updated_at": memory.stored_at,
        "importance": memory.importance,
        "recalls": memory.recalls,
        "anchor": memory.stored_at if memory.anchor is None else memory.anchor,
        "pinned": memory.pinned,
        "expires_at": memory.expires_at,
        "kind": memory.kind,
        "added_by": actor,
    }
    places = ", ".join("?" * len(columns))
    seq = connection.execute(
        f"INSERT INTO memory ({', '.join(columns)}) VALUES ({places}) RETURNING seq",  # noqa: S608 - our names
        list(columns.values()),
    ).fetchone()[0]
    postings += [(owner, term, seq, count) for term, count in counts.items()]
    if memory.vector is None:
        connection.execute("INSERT INTO embed_pending (seq) VALUES (?)", (seq,))
        touched.unembedded = True
    else:
        connection.execute("INSERT INTO vector (seq, vector) VALUES (?, ?)", (seq, encode(memory.vector)))
        connection.execute("INSERT INTO index_pending (seq) VALUES (?)", (seq,))
    connection.executemany(
        "INSERT OR IGNORE INTO source (made, source) SELECT ?, seq FROM memory WHERE id = ? AND owner = ?",
        [(seq, source, owner) for source in memory.sources],
    )
    for old in memory.supersedes:
        _supersede(connection, old, memory, owner, touched, actor)
    if memory.kind == "turn":
        summaries.said(connection, owner, memory.user_id, memory.created_at, memory.stored_at)
    touched.added.add(owner)
    return seq, True


def amend(
    connection: sqlite3.Connection, seq: int, amendment: Amendment, now: float, touched: Touched, actor: str | None
) -> None:
    """Changes the given fields; new words get new postings, and a vector of their own."""
    memory, owner = fetch(connection, [seq])[seq], _owner(connection, seq)
    # Never the same twice, whatever the clock does: a vector of the words before is told by it.
    changes: dict[str, object] = {"updated_at": max(now, memory.updated_at + 1e-6)}
    for name in ("importance", "pinned", "expires_at", "speaker", "created_at"):
        if (value := getattr(amendment, name)) is not None:
            changes[name] = value
    if amendment.never_expires:
        changes["expires_at"] = None
    if amendment.metadata is not None:
        changes["metadata"] = _json(amendment.metadata)
    if amendment.content is not None and amendment.content != memory.content:
        counts, total = words.indexed(amendment.content)
        before = connection.execute("SELECT words FROM memory WHERE seq = ?", (seq,)).fetchone()[0]
        connection.execute("UPDATE owner SET words = words + ? WHERE owner = ?", (total - before, owner))
        _erase_postings(connection, owner, seq, memory.content)
        write_postings(connection, [(owner, term, seq, count) for term, count in counts.items()])
        changes |= {"content": amendment.content, "words": total, "marks": marks(amendment.content)}
        record(connection, memory.id, owner, "UPDATE", now, actor, memory.content, amendment.content)
        _renew_vector(connection, seq, amendment, touched)
    elif amendment.speaker is not None:  # it is part of what is embedded; a date is not
        _renew_vector(connection, seq, amendment, touched)
    if memory.kind == "turn" and not changes.keys().isdisjoint(_READ):
        summaries.unsaid(connection, owner, memory.id, memory.created_at, now)
        if "content" in changes:  # what was drawn from other words is not known any more
            for fact in _made_of_alone(connection, seq):
                remove(connection, fact, now, touched, actor, traces=True)
        if amendment.created_at is not None:
            summaries.said(connection, owner, memory.user_id, amendment.created_at, now)
    columns = ", ".join(f"{name} = ?" for name in changes)
    connection.execute(f"UPDATE memory SET {columns} WHERE seq = ?", [*changes.values(), seq])  # noqa: S608 - our names
    touched.changed.append((seq, owner))


def restore(connection: sqlite3.Connection, seq: int, now: float, touched: Touched, actor: str | None) -> None:
    """As fresh as on the day it arrived: out of fading, of expiry, and of having been superseded."""
    owner = _owner(connection, seq)
    memory_id = connection.execute(
        "UPDATE memory SET anchor = ?1, faded_at = NULL, superseded_by = NULL, updated_at = ?1, "
        "expires_at = CASE WHEN expires_at <= ?1 THEN NULL ELSE expires_at END WHERE seq = ?2 RETURNING id",
        (now, seq),
    ).fetchone()[0]
    record(connection, memory_id, owner, "RESTORE", now, actor)
    touched.changed.append((seq, owner))


def remove(
    connection: sqlite3.Connection, seq: int, now: float, touched: Touched, actor: str | None, *, traces: bool = False
) -> bool:
    """The memory with all that was made from it alone; False if there is none of this number.

    `traces`: what was made of it stays, and it may be learnt again: it was forgotten, and nobody asked for that.
    """
    memory = fetch(connection, [seq]).get(seq)
    if memory is None:
        return False
    owner = _owner(connection, seq)
    total = words.counted(memory.content).total()
    made = [] if traces else _made_of_alone(connection, seq)
    connection.execute("DELETE FROM source WHERE source = ?1 OR made = ?1", (seq,))
    if not traces:
        if memory.kind == "fact":
            bury(connection, owner, memory.content, now)
        summaries.unsaid(connection, owner, memory.id, memory.created_at, now)
    _erase_postings(connection, owner, seq, memory.content)
    for table in ("vector", "vector_next", "vector_old", "embed_pending"):
        connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))  # noqa: S608 - our names
    connection.execute("INSERT OR IGNORE INTO index_pending (seq) VALUES (?)", (seq,))
    connection.execute("DELETE FROM memory WHERE seq = ?", (seq,))
    connection.execute("UPDATE owner SET memories = memories - 1, words = words - ? WHERE owner = ?", (total, owner))
    if memory.kind == "fact":
        _leave_superseded(connection, owner, memory)
    forget_texts(connection, memory.id)
    record(connection, memory.id, owner, "ADD", memory.stored_at, memory.added_by)
    record(connection, memory.id, owner, "DELETE", now, actor)
    touched.removed.append((seq, owner))
    for fact in made:
        remove(connection, fact, now, touched, actor)
    return True


def _made_of_alone(connection: sqlite3.Connection, seq: int) -> list[int]:
    rows = connection.execute(
        "SELECT made FROM source AS s WHERE source = ? AND NOT EXISTS "
        "(SELECT 1 FROM source WHERE made = s.made AND source <> s.source)",
        (seq,),
    )
    return [row[0] for row in rows]


def index_words_anew(connection: sqlite3.Connection, before: int) -> None:
    """For a store whose postings follow the rules of another version, `before`."""
    rows = connection.execute("SELECT seq, owner, content FROM memory ORDER BY owner, seq").fetchall()
    postings: list[Posting] = []
    for seq, owner, content in rows:
        if words.is_indexed_alike(content, before):
            continue
        counts, total = words.indexed(content)
        postings += [(owner, term, seq, count) for term, count in counts.items()]
        connection.execute("UPDATE memory SET words = ?, marks = ? WHERE seq = ?", (total, marks(content), seq))
    if not any(words.is_indexed_alike(content, before) for _, _, content in rows):
        connection.execute("DELETE FROM posting")
    write_postings(connection, postings)
    connection.execute(
        "UPDATE owner SET words = (SELECT ifnull(sum(words), 0) FROM memory WHERE memory.owner = owner.owner)"
    )
    connection.execute("UPDATE note SET value = ? WHERE name = 'word_rules'", (str(words.RULES),))


def _supersede(
    connection: sqlite3.Connection, old_id: str, new: NewMemory, owner: int, touched: Touched, actor: str | None
) -> None:
    row = connection.execute(
        "UPDATE memory SET superseded_by = ?1, updated_at = ?2 "
        "WHERE id = ?3 AND owner = ?4 AND superseded_by IS NULL AND id <> ?1 RETURNING seq, content",
        (new.id, new.stored_at, old_id, owner),
    ).fetchone()
    if row is not None:
        record(connection, old_id, owner, "SUPERSEDE", new.stored_at, actor, row[1], new.content)
        touched.changed.append((row[0], owner))


def _leave_superseded(connection: sqlite3.Connection, owner: int, successor: Memory) -> None:
    """What a fact has taken the place of does not come back with its end: it is superseded by that one's successor."""
    said = [event for event in events(connection, successor.id) if event.action in ("UPDATE", "SUPERSEDE")]
    words_of_it = {successor.content, *(event.old_content for event in said)} - {None}
    connection.executemany(
        "UPDATE history SET new_content = NULL WHERE owner = ? AND action = 'SUPERSEDE' AND new_content = ?",
        [(owner, content) for content in words_of_it],
    )
    connection.execute(
        "UPDATE memory SET superseded_by = ? WHERE superseded_by = ?",
        (GONE if successor.superseded_by is None else successor.superseded_by, successor.id),
    )


def _renew_vector(connection: sqlite3.Connection, seq: int, amendment: Amendment, touched: Touched) -> None:
    connection.execute("DELETE FROM vector_next WHERE seq = ?", (seq,))
    connection.execute("INSERT OR IGNORE INTO index_pending (seq) VALUES (?)", (seq,))
    if amendment.vector is None:
        connection.execute("DELETE FROM vector WHERE seq = ?", (seq,))
        connection.execute("INSERT OR IGNORE INTO embed_pending (seq) VALUES (?)", (seq,))
        touched.unembedded = True
    else:
        connection.execute("INSERT OR REPLACE INTO vector VALUES (?, ?)", (seq, encode(amendment.vector)))
        connection.execute("DELETE FROM embed_pending WHERE seq = ?", (seq,))


def write_postings(connection: sqlite3.Connection, postings: list[Posting]) -> None:
    """In the order in which they are kept, so that those of many memories touch each page once."""
    connection.executemany(
        "INSERT OR REPLACE INTO posting (owner, term, seq, count) VALUES (?, ?, ?, ?)", sorted(postings)
    )


def _erase_postings(connection: sqlite3.Connection, owner: int, seq: int, content: str) -> None:
    connection.executemany(
        "DELETE FROM posting WHERE owner = ? AND term = ? AND seq = ?",
        [(owner, term, seq) for term in words.indexed(content)[0]],
    )


def _owner(connection: sqlite3.Connection, seq: int) -> int:
    return int(connection.execute("SELECT owner FROM memory WHERE seq = ?", (seq,)).fetchone()[0])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def seqs_of(connection: sqlite3.Connection, ids: Sequence[str]) -> list[int]:
    return [seq for memory_id in ids if (seq := seq_of(connection, memory_id)) is not None]
