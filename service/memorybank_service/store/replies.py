"""Answers kept under an idempotency key, so that a request sent twice is done once."""

import sqlite3

from memorybank_service.store import ConflictError
from memorybank_service.store.records import KeptReply, Receipt

KEPT_SECONDS = 24 * 3600.0
NOBODY = 0
"""Whose an answer is that shows nothing of anyone: no owner is ever numbered so."""


def purge(connection: sqlite3.Connection, now: float) -> int:
    """How many were kept long enough."""
    return connection.execute("DELETE FROM reply WHERE at <= ?", (now - KEPT_SECONDS,)).rowcount


def keep(connection: sqlite3.Connection, receipt: Receipt, result: object, owner: int | None) -> None:
    """`owner`: whose memories the answer shows; None: it may be anyone's. Raises ConflictError."""
    purge(connection, receipt.at)
    row = (
        receipt.key_name,
        receipt.route,
        receipt.idempotency_key,
        receipt.digest,
        receipt.status,
        receipt.answer(result),
        receipt.at,
        owner,
    )
    try:
        connection.execute("INSERT INTO reply VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    except sqlite3.IntegrityError:
        raise ConflictError("another write was answered under this idempotency key") from None


def kept(
    connection: sqlite3.Connection, key_name: str, route: str, idempotency_key: str, now: float
) -> KeptReply | None:
    row = connection.execute(
        "SELECT digest, status, body FROM reply WHERE key_name = ? AND route = ? AND idempotency_key = ? AND at > ?",
        (key_name, route, idempotency_key, now - KEPT_SECONDS),
    ).fetchone()
    return None if row is None else KeptReply(*row)
