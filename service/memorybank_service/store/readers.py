"""Connections for reading: one a thread, because a connection serves one thread at a time."""

import sqlite3
import threading
from pathlib import Path

from memorybank_service.store.schema import connect


class Readers:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] = []

    def get(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._path, read_only=True)
            with self._lock:
                self._opened.append(connection)
        return connection

    def close(self) -> None:
        """Once no thread reads any more."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
