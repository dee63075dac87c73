"""Encryption on the way."""

import threading
from collections.abc import Iterator

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_backup.errors import DAMAGED, KEY, BackupError
from memorybank_backup.sealing import AgeKey


def new_key() -> AgeKey:
    return AgeKey(f"# created: today\n{pyrage.x25519.Identity.generate()}\n")


ONE = new_key()


@given(st.lists(st.binary(max_size=70_000), max_size=8))
def test_what_was_sealed_comes_back(pieces: list[bytes]) -> None:
    assert b"".join(ONE.open(ONE.seal(pieces))) == b"".join(pieces)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(BackupError) as told:
        list(new_key().open(ONE.seal([b"secret"])))
    assert told.value.reason == KEY


@pytest.mark.parametrize("place", [-1, -60_000])
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(b"".join(ONE.seal([b"x" * 200_000])))
    sealed[place] ^= 1
    with pytest.raises(BackupError) as told:
        list(ONE.open([bytes(sealed)]))
    assert told.value.reason == DAMAGED


def test_what_is_cut_off_is_noticed() -> None:
    sealed = b"".join(ONE.seal([b"x" * 200_000]))
    with pytest.raises(BackupError) as told:
        list(ONE.open([sealed[:100_000]]))
    assert told.value.reason == DAMAGED


def test_what_fails_before_it_is_told_as_it_was() -> None:
    def failing() -> Iterator[bytes]:
        yield b"x"
        raise BackupError("TenantUnreachable", "gone")

    with pytest.raises(BackupError) as told:
        list(ONE.seal(failing()))
    assert told.value.reason == "TenantUnreachable"


def test_who_reads_no_further_leaves_no_thread() -> None:
    sealed = ONE.seal([b"x" * 50_000_000])
    next(sealed)
    sealed.close()
    assert not [one for one in threading.enumerate() if one.name == "age"]


@pytest.mark.parametrize("text", ["", "nonsense", "age1zdravsr8wh5zuppwgf8ykuwqvznfz0sczt6gg67wp2pau8cr3ysqayl8rv"])
def test_what_is_no_key_is_told_without_showing_it(text: str) -> None:
    with pytest.raises(BackupError, match="age-keygen") as told:
        AgeKey(text)
    assert not text or text not in told.value.message
