"""A folder as the destination: what is there is whole, and what goes wrong is told."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from memorybank_backup.catalog import Catalog
from memorybank_backup.destination import Folder
from memorybank_backup.errors import FULL, MISSING, UNREACHABLE, BackupError
from tests.service.full_volume import full_volume

from .test_retention import backup

ID = "20270115T080000Z-5f0e8f0c"


def broken(error: Exception) -> Iterator[bytes]:
    yield b"half of it"
    raise error


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Folder(tmp_path).write("a/b/memory.db", broken(KeyError("x")))
    assert files(tmp_path) == []


def test_a_full_one_says_so_and_has_nothing_half(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(BackupError) as told:
        Folder(tmp_path).write("a/memory.db", broken(full))
    assert told.value.reason == FULL
    assert files(tmp_path) == []


def test_one_that_has_gone_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is the volume mounted") as told:
        Folder(tmp_path / "gone")
    assert told.value.reason == UNREACHABLE


def test_a_file_that_may_not_grow_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with full_volume(), pytest.raises(BackupError):
        folder.write("a/memory.db", [b"x"])
    assert files(tmp_path) == []


def test_what_has_no_manifest_is_no_backup(tmp_path: Path) -> None:
    catalog = Catalog(Folder(tmp_path), "customers/customer1")
    (tmp_path / "customers" / "customer1" / ID).mkdir(parents=True)
    (tmp_path / "customers" / "customer1" / ID / "memory.db").write_bytes(b"half")
    assert (catalog.survey().whole, catalog.survey().broken_off) == ([], [ID])
    with pytest.raises(BackupError) as told:
        catalog.find(ID)
    assert told.value.reason == MISSING


@pytest.mark.parametrize("name", ["../../etc", "a/b", "", "20270115T080000Z-5F0E8F0C"])
def test_no_path_gets_in_by_an_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError, match="is no backup's id"):
        Catalog(Folder(tmp_path), "customers/customer1").find(name)


def test_a_manifest_of_a_later_form_is_not_guessed_at(tmp_path: Path) -> None:
    catalog = Catalog(Folder(tmp_path), "customer1")
    one = backup(1)
    (tmp_path / "customer1" / ID).mkdir(parents=True)
    (tmp_path / "customer1" / ID / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(BackupError, match="a newer release reads it"):
        catalog.find(ID)
    (tmp_path / "customer1" / ID / "manifest.json").write_text('{"format": 1, "id": "x"}')
    with pytest.raises(BackupError, match="lacks something"):
        catalog.find(ID)
    assert (catalog.survey().whole, catalog.survey().broken_off) == ([], []), "neither offered nor removed"
    assert one.file == "memory.db"


def test_receipts_of_erasures_are_kept_once(tmp_path: Path) -> None:
    catalog = Catalog(Folder(tmp_path), "customer1")
    receipt = {"id": "one", "user": "x"}
    assert (catalog.add_erasures([receipt]), catalog.add_erasures([receipt])) == (1, 0)
    assert catalog.erasures() == [receipt]
    assert catalog.survey().whole == []
