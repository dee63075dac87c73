"""A bucket of tokens."""

import datetime

from memorybank_operator.turns import Turns

NOW = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)


def at(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def test_so_many_are_given_at_once_and_then_one_in_each_interval() -> None:
    turns = Turns(3, 10.0)
    assert [turns.take(at(0)) for _ in range(5)] == [True, True, True, False, False]
    assert [turns.take(at(seconds)) for seconds in (9, 10, 11, 19, 20, 21)] == [False, True, False, False, True, False]


def test_what_nobody_took_is_kept_up_to_the_most() -> None:
    turns = Turns(2, 1.0)
    assert turns.take(at(0))
    assert [turns.take(at(3600)) for _ in range(3)] == [True, True, False]
