"""What happened to a memory, line by line.

Its arrival needs no line as long as it is there: the memory itself tells of it. It gets one when it is deleted.
"""

import sqlite3

from memorybank_service.store.records import Action, Event


def record(
    connection: sqlite3.Connection,
    memory_id: str,
    owner: int,
    action: Action,
    at: float,
    actor: str | None,
    old_content: str | None = None,
    new_content: str | None = None,
) -> None:
    connection.execute(
        "INSERT INTO history (memory_id, owner, action, old_content, new_content, at, actor) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (memory_id, owner, action, old_content, new_content, at, actor),
    )


def forget_texts(connection: sqlite3.Connection, memory_id: str) -> None:
    """That something happened stays on record; the words of what is deleted do not."""
    connection.execute("UPDATE history SET old_content = NULL, new_content = NULL WHERE memory_id = ?", (memory_id,))


def events(connection: sqlite3.Connection, memory_id: str) -> list[Event]:
    """Oldest first, of earlier memories of this id too; empty where nothing but its arrival happened."""
    rows = connection.execute(
        "SELECT id, memory_id, action, old_content, new_content, at, actor FROM history "
        "WHERE memory_id = ? ORDER BY at, action <> 'ADD', id",
        (memory_id,),
    )
    return [Event(*row) for row in rows]
