"""An older program takes the store back as it was before a migration, where nothing is lost by it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.store import NewMemory, StoreError, schema
from memorybank_service.store.schema import VERSION, copy_before_migration
from memorybank_service.store.sqlite_store import SqliteStore

Open = Callable[..., SqliteStore]


def said(name: str) -> NewMemory:
    return NewMemory(name, f"Ada likes {name}.", 1.0, 1.0, "ada")


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the program is a later one: its schema has a table more, and an index fewer."""
    changes = ["CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT", "DROP INDEX job_due"]

    def become() -> None:
        monkeypatch.setattr(schema, "VERSION", VERSION + 1)
        monkeypatch.setattr(schema, "_MIGRATIONS", {**schema._MIGRATIONS, VERSION: changes})

    return become


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(schema, "VERSION", VERSION)


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def filled(open_store: Open) -> None:
    store = open_store()
    store.add([said("tea"), said("rum")]).result()
    store.close()


def test_a_newer_program_that_answered_nobody_leaves_the_store_to_the_older(
    open_store: Open, tmp_path: Path, newer: Callable[[], None], older: Callable[[], None]
) -> None:
    filled(open_store)
    newer()
    store = open_store()
    store.record_pause(5.0, 6.0).result()  # what it does for itself
    store.write_notes({"heartbeat": "7.0"}).result()
    store.close()
    assert version_of(tmp_path / "memory.db") == VERSION + 1
    older()
    again = open_store()
    assert {memory.id for name in ("tea", "rum") if (memory := again.find(name))} == {"tea", "rum"}
    assert version_of(tmp_path / "memory.db") == VERSION
    assert not copy_before_migration(tmp_path / "memory.db", VERSION).exists()
    again.add([said("milk")]).result()
    again.upkeep.check()
    again.close()
    newer()
    store = open_store()
    assert store.upkeep.remove_copies() == 1
    assert version_of(tmp_path / "memory.db") == VERSION + 1


def test_a_newer_program_that_was_killed_leaves_the_store_to_the_older(
    open_store: Open, tmp_path: Path, newer: Callable[[], None], older: Callable[[], None], embedder: LocalEmbedder
) -> None:
    filled(open_store)
    newer()
    store = open_store()
    store.write_notes({"heartbeat": "7.0"}).result()
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("memory*"):  # with its log, which nobody has folded in
        shutil.copy2(file, killed / file.name)
    assert (killed / "memory.db-wal").stat().st_size > 0
    older()
    again = SqliteStore(killed, embedder.name, embedder.dimension)
    assert again.find("tea") is not None
    again.upkeep.check()
    again.close()
    assert version_of(killed / "memory.db") == VERSION


def test_what_was_acknowledged_since_is_never_given_up(
    open_store: Open, tmp_path: Path, newer: Callable[[], None], older: Callable[[], None]
) -> None:
    filled(open_store)
    newer()
    store = open_store()
    store.delete(["tea"], 2.0).result()
    store.close()
    older()
    with pytest.raises(StoreError, match="run that version or a newer one"):
        open_store()
    assert version_of(tmp_path / "memory.db") == VERSION + 1
    newer()
    found = open_store()
    assert (found.find("tea"), found.find("rum") is None) == (None, False)


@pytest.mark.parametrize("what", ["gone", "cut off", "of another schema"])
def test_without_a_whole_copy_of_its_own_schema_the_older_refuses(
    open_store: Open, tmp_path: Path, newer: Callable[[], None], older: Callable[[], None], what: str
) -> None:
    filled(open_store)
    newer()
    open_store().close()
    copy = copy_before_migration(tmp_path / "memory.db", VERSION)
    if what == "gone":  # as after an erasure
        copy.unlink()
    elif what == "cut off":
        copy.write_bytes(copy.read_bytes()[:50])
    else:
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute(f"PRAGMA user_version = {VERSION - 1}")
    older()
    with pytest.raises(StoreError, match="newer version"):
        open_store()
    assert version_of(tmp_path / "memory.db") == VERSION + 1
