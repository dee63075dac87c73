import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.memory.pauses import Pauses, is_pause

MARKS = st.lists(st.integers(0, 10_000), max_size=12, unique=True).map(sorted)


@given(MARKS, st.integers(0, 10_000), st.integers(0, 10_000))
def test_paused_time_is_what_of_the_pauses_lies_between(marks: list[int], one: int, other: int) -> None:
    spans = [(float(a), float(b)) for a, b in zip(marks[::2], marks[1::2], strict=False)]
    start, end = sorted([one, other])
    expected = sum(max(0.0, min(b, end) - max(a, start)) for a, b in spans)
    assert abs(float(Pauses(spans).between(start, end)) - expected) < 1e-6


@given(MARKS, st.integers(0, 10_000), st.integers(0, 10_000))
def test_after_so_much_running_time_just_that_has_gone_by(marks: list[int], start: int, running: int) -> None:
    pauses = Pauses([(float(a), float(b)) for a, b in zip(marks[::2], marks[1::2], strict=False)])
    moment = float(pauses.after(start, running))
    assert abs(moment - start - float(pauses.between(start, moment)) - running) < 1e-6


def test_many_starts_are_answered_at_once() -> None:
    paused = Pauses([(10.0, 20.0)]).between(np.array([0.0, 15.0, 30.0]), 40.0)
    assert paused.tolist() == [10, 5, 0]


def test_a_gap_of_an_hour_is_no_pause_and_one_above_is() -> None:
    assert not is_pause(0, 3600)
    assert is_pause(0, 3601)
