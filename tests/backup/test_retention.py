"""Which backups are kept no longer."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from memorybank_backup.catalog import Manifest, Retention, outlived

NOW = datetime.datetime(2027, 1, 31, tzinfo=datetime.UTC)


def backup(days_ago: int) -> Manifest:
    created = (NOW - datetime.timedelta(days=days_ago)).isoformat()
    return Manifest(
        id=f"{days_ago}",
        tenant="customer1",
        created_at=created,
        memories=1,
        users=1,
        schema=1,
        space="local",
        bytes=1,
        sha256="",
        stored_bytes=1,
    )


def left(days_ago: list[int], keep: Retention) -> list[int]:
    whole = [backup(days) for days in sorted(days_ago)]
    over = outlived(whole, keep, NOW)
    return [int(one.id) for one in whole if one not in over]


def test_so_many_are_kept() -> None:
    assert left([1, 2, 3, 4], Retention(count=2)) == [1, 2]


def test_so_long_they_are_kept() -> None:
    assert left([1, 2, 30, 31], Retention(days=30)) == [1, 2, 30]


def test_either_limit_ends_it() -> None:
    assert left([1, 2, 3, 40], Retention(count=3, days=2)) == [1, 2]


def test_without_limits_all_are_kept() -> None:
    assert left([1, 400], Retention()) == [1, 400]


@given(
    st.lists(st.integers(0, 500), min_size=1, max_size=30, unique=True),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 60),
)
def test_the_last_good_one_is_never_removed(days_ago: list[int], count: int | None, days: int | None) -> None:
    kept = left(days_ago, Retention(count, days))
    assert min(days_ago) in kept
    assert set(left(kept, Retention(count, days))) == set(kept)
