"""When a schedule is due."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_operator.api.status import PlanStatus
from memorybank_operator.backups.schedule import NoScheduleError, due

NOW = datetime.datetime(2027, 1, 15, 3, 0, 20, tzinfo=datetime.UTC)
DAILY = "0 3 * * *"


def since(text: str) -> PlanStatus:
    return PlanStatus(schedule=DAILY, since=text)


def test_what_was_before_it_was_given_is_not_caught_up_with() -> None:
    found = due(DAILY, None, NOW)
    assert (found.at, found.plan.since) == (None, "2027-01-15T03:00:20Z")
    assert found.next == datetime.datetime(2027, 1, 16, 3, tzinfo=datetime.UTC)


def test_its_time_has_come_from_its_first_second_on() -> None:
    found = due(DAILY, since("2027-01-14T12:00:00Z"), NOW.replace(second=0))
    assert found.at == NOW.replace(second=0)
    assert found.plan.since == "2027-01-15T03:00:00Z"


def test_of_several_that_were_missed_the_last_counts() -> None:
    assert due(DAILY, since("2026-12-01T03:00:00Z"), NOW).at == NOW.replace(second=0)


def test_what_was_acted_on_is_over() -> None:
    assert due(DAILY, since("2027-01-15T03:00:00Z"), NOW).at is None


def test_another_schedule_begins_anew() -> None:
    before = PlanStatus(schedule="0 2 * * *", since="2026-01-01T00:00:00Z")
    assert due(DAILY, before, NOW).at is None


@pytest.mark.parametrize("schedule", ["0 3 31 2 *", "61 * * * *", "a b c d e"])
def test_what_never_comes_is_told(schedule: str) -> None:
    with pytest.raises(NoScheduleError, match="is no schedule"):
        due(schedule, None, NOW)


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=40))
def test_each_time_is_due_once_whenever_it_is_looked_at(steps: list[int]) -> None:
    plan, now, came = None, NOW, []
    for seconds in steps:
        now += datetime.timedelta(seconds=seconds)
        found = due("*/30 * * * *", plan, now)
        plan = found.plan
        came += [found.at] if found.at is not None else []
        assert found.next > now
    assert came == sorted(set(came))
