from datetime import UTC, date, datetime

import numpy as np
import pytest

from memorybank_service.memory.dates import Calendar, Named, Week, dates_in, nearness

REFERENCE = datetime(2023, 7, 20, 12, tzinfo=UTC).timestamp()  # a Thursday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What did she say on 8 May 2023?", Named(2023, 5, 8)),
        ("on the 8th of May, 2023", Named(2023, 5, 8)),
        ("on May 2nd", Named(None, 5, 2)),
        ("on May 8, 2023", Named(2023, 5, 8)),
        ("on 2023-05-08", Named(2023, 5, 8)),
        ("in 2023/05", Named(2023, 5)),
        ("in June", Named(None, 6)),
        ("in may", Named(None, 5)),
        ("in June 2022", Named(2022, 6)),
        ("in 2022", Named(2022)),
        ("2023年5月8日说了什么", Named(2023, 5, 8)),
        ("5月8日に何を", Named(None, 5, 8)),
        ("what happened yesterday?", Named(2023, 7, 19)),
        ("what happened the day before yesterday?", Named(2023, 7, 18)),
        ("what is on today?", Named(2023, 7, 20)),
        ("three days ago", Named(2023, 7, 17)),
        ("a week ago", Week(date(2023, 7, 10), 7)),
        ("2 months ago", Named(2023, 5)),
        ("last year", Named(2022)),
        ("last month", Named(2023, 6)),
        ("last week", Week(date(2023, 7, 10), 7)),
        ("last weekend", Week(date(2023, 7, 15), 2)),
        ("last Monday", Named(2023, 7, 17)),
        ("last Thursday", Named(2023, 7, 13)),
        ("on Thursday", Named(2023, 7, 20)),
        ("next Friday", Named(2023, 7, 21)),
        ("昨天说了什么", Named(2023, 7, 19)),
        ("去年的旅行", Named(2022)),
        ("上周", Week(date(2023, 7, 10), 7)),
        ("어제 뭐 했어", Named(2023, 7, 19)),
    ],
)
def test_a_date_is_understood(text: str, expected: object) -> None:
    assert expected in dates_in(text, REFERENCE)


@pytest.mark.parametrize(
    "text", ["May I ask?", "you may go", "the march of time", "31 dancers", "on the 45th of May", "1234-56", "weekly"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert not any(isinstance(mention, Named) and mention.day for mention in dates_in(text, REFERENCE))
    assert text == "on the 45th of May" or not dates_in(text, REFERENCE)


def near(text: str, *moments: str) -> list[float]:
    seconds = [datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() for moment in moments]
    return [round(float(one), 2) for one in nearness(dates_in(text, REFERENCE), Calendar.of(np.array(seconds)))]


def test_the_same_day_is_nearest_then_the_month_then_the_year() -> None:
    moments = ("2023-05-08T00:00", "2023-05-08T23:59", "2023-05-09", "2023-12-31", "2022-05-08")
    assert near("on 8 May 2023", *moments) == [1, 1, 0.5, 0.2, 0]


def test_a_month_without_a_year_is_that_of_any_year() -> None:
    assert near("in May", "2023-05-01", "1969-05-31", "2023-06-01") == [0.5, 0.5, 0]


def test_a_week_is_seven_days_from_monday() -> None:
    assert near("last week", "2023-07-09", "2023-07-10", "2023-07-16", "2023-07-17") == [0, 0.75, 0.75, 0]


def test_a_reference_outside_of_the_calendar_leaves_what_was_said_in_full() -> None:
    assert dates_in("yesterday or on 8 May 2023", 1e18)[0] == Named(2023, 5, 8)
