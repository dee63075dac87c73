"""Facts that somebody deleted: what a model makes of the same words again must not bring them back."""

import hashlib
import sqlite3

from memorybank_service.store import words


def digest_of(text: str) -> bytes:
    """Of its terms, so that case, width and punctuation make no difference."""
    return hashlib.sha256("\0".join(words.terms(text)).encode()).digest()


def bury(connection: sqlite3.Connection, owner: int, text: str, at: float) -> None:
    connection.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?)", (owner, digest_of(text), at))


def buried(connection: sqlite3.Connection, owner: int) -> set[bytes]:
    return {row[0] for row in connection.execute("SELECT digest FROM tombstone WHERE owner = ?", (owner,))}
