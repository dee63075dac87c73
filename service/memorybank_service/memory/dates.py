"""Dates that a query names, and how near a memory's day is to them."""

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.clock import SECONDS_PER_DAY

SAME_DAY, SAME_WEEK, SAME_MONTH, SAME_YEAR = 1.0, 0.75, 0.5, 0.2

_EPOCH = datetime.date(1970, 1, 1)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "couple of": 2, "a couple of": 2, "three": 3, "four": 4, "five": 5}
_NUMBERS |= {"six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}

_NAME = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>(?:19|20)\d\d)\b"
_CALENDAR = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>\d{4})[-/](?P<number>\d{1,2})(?:[-/](?P<day>\d{1,2}))?\b",
        rf"\b{_DAY}\s+(?:of\s+)?{_NAME}(?:,?\s+{_YEAR})?",
        rf"\b{_NAME}\s+{_DAY}\b(?:,?\s+{_YEAR})?",
        rf"\b{_NAME}(?:\s+of)?,?\s+{_YEAR}",
        rf"\b(?:in|of|since|during|last|until|by)\s+{_NAME}",
        rf"\b{_YEAR}",
        r"(?P<year>\d{4})\s*[年년]\s*(?:(?P<number>\d{1,2})\s*[月월]\s*(?:(?P<day>\d{1,2})\s*[日号號일])?)?",
        r"(?P<number>\d{1,2})\s*[月월]\s*(?:(?P<day>\d{1,2})\s*[日号號일])?",
    )
]
# Without a number beside it, a month that is a word as well counts only where it is written like a name.
_MONTH_ALONE = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December)\b"
)
_AGO = re.compile(
    rf"\b(\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})\s+(day|week|month|year)s?\s+ago\b"
)
_NEAR = re.compile(r"\b(last|past|previous|this|next)\s+(weekend|week|month|year)\b")
_WEEKDAY = re.compile(rf"\b(?:(last|this|next|on)\s+)({'|'.join(_WEEKDAYS)})\b")
_DAYS = {
    -2: r"\bday before yesterday\b|前天|前日|一昨日|그저께|그제",
    -1: r"(?<!before )\byesterday\b|\blast night\b|昨天|昨日|昨夜|어제",
    0: r"\btoday\b|\btonight\b|今天|今日|오늘",
    1: r"(?<!after )\btomorrow\b|明天|明日|내일",
}
_UNITS_AGO = {
    ("week", -1): "上周|上週|上个星期|先週|지난주",
    ("week", 0): "本周|这周|這週|今週|이번 ?주",
    ("month", -1): "上个月|上個月|上月|先月|지난달",
    ("month", 0): "这个月|這個月|本月|今月|이번 ?달",
    ("year", -1): "去年|昨年|작년",
    ("year", 0): "今年|올해",
}
_STEP = {"last": -1, "past": -1, "previous": -1, "this": 0, "on": 0, "next": 1}


@dataclass(frozen=True)
class Named:
    """A day, a month or a year; what is None was not said."""

    year: int | None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True)
class Week:
    first: datetime.date
    days: int


Mention = Named | Week


def dates_in(text: str, reference: float) -> list[Mention]:
    """`reference`: from when "yesterday" counts, in seconds since 1970."""
    try:
        today = _EPOCH + datetime.timedelta(seconds=reference)
        relative = list(_relative(text.casefold(), today))
    except (OverflowError, ValueError):  # before the year 1 or after 9999 there are no dates to look for
        relative = []
    return list(dict.fromkeys([*_named(text), *relative]))


@dataclass(frozen=True)
class Calendar:
    """The days of many moments."""

    day: NDArray[np.int32]
    """Since 1970."""
    year: NDArray[np.int32]
    month: NDArray[np.int8]
    day_of_month: NDArray[np.int8]

    @classmethod
    def of(cls, moments: NDArray[np.float64]) -> "Calendar":
        """Of seconds since 1970."""
        days = np.floor(moments / SECONDS_PER_DAY).astype(np.int64)
        calendar = days.astype("datetime64[D]")
        months = calendar.astype("datetime64[M]")
        return cls(
            day=days.astype(np.int32),
            year=(months.astype(np.int64) // 12 + 1970).astype(np.int32),
            month=(months.astype(np.int64) % 12 + 1).astype(np.int8),
            day_of_month=(calendar - months.astype("datetime64[D]")).astype(np.int8) + np.int8(1),
        )


def nearness(mentions: Sequence[Mention], calendar: Calendar) -> NDArray[np.float32]:
    """How near each moment is to the nearest of the dates: 1 on that day, down to 0."""
    near = np.zeros(len(calendar.day), np.float32)
    for mention in mentions:
        if isinstance(mention, Week):
            since = calendar.day - np.int32((mention.first - _EPOCH).days)
            _raise(near, (since >= 0) & (since < mention.days), SAME_WEEK)
            continue
        inside = np.ones(len(near), np.bool_)
        if mention.year is not None:
            inside &= calendar.year == mention.year
            _raise(near, inside, SAME_YEAR)
        if mention.month is not None:
            inside &= calendar.month == mention.month
            _raise(near, inside, SAME_MONTH)
            if mention.day is not None:
                _raise(near, inside & (calendar.day_of_month == mention.day), SAME_DAY)
    return near


def _raise(near: NDArray[np.float32], where: NDArray[np.bool_], least: float) -> None:
    np.maximum(near, np.float32(least), out=near, where=where)


def _named(text: str) -> Iterator[Named]:
    for pattern in _CALENDAR:
        for match in pattern.finditer(text):
            found = match.groupdict()
            name, number = found.get("month"), found.get("number")
            month = _MONTHS.index(name[:3].lower()) + 1 if name else int(number) if number else None
            day, year = found.get("day"), found.get("year")
            if (month is None or 1 <= month <= 12) and (day is None or 1 <= int(day) <= 31):
                yield Named(int(year) if year else None, month, int(day) if day else None)
    dated = any(pattern.search(text) for pattern in _CALENDAR[1:4])
    for match in _MONTH_ALONE.finditer(text):
        if not dated and match.start() > 0:  # "May I ask" begins with a capital too
            yield Named(None, _MONTHS.index(match[1][:3].lower()) + 1)


def _relative(text: str, today: datetime.date) -> Iterator[Mention]:
    for offset, pattern in _DAYS.items():
        if re.search(pattern, text):
            yield _day(today + datetime.timedelta(offset))
    for match in _AGO.finditer(text):
        count = _NUMBERS[match[1]] if match[1] in _NUMBERS else int(match[1])
        yield _day(today - datetime.timedelta(count)) if match[2] == "day" else _unit(match[2], -count, today)
    for match in _NEAR.finditer(text):
        yield _unit(match[2], _STEP[match[1]], today)
    for (unit, step), pattern in _UNITS_AGO.items():
        if re.search(pattern, text):
            yield _unit(unit, step, today)
    for match in _WEEKDAY.finditer(text):
        # The one that was last, unless the next is meant.
        back = (today.weekday() - _WEEKDAYS.index(match[2])) % 7
        if match[1] == "next":
            yield _day(today + datetime.timedelta(7 - back))
        else:
            yield _day(today - datetime.timedelta(back or (7 if match[1] == "last" else 0)))


def _unit(unit: str, step: int, today: datetime.date) -> Mention:
    monday = today - datetime.timedelta(today.weekday())
    if unit == "week":
        return Week(monday + datetime.timedelta(7 * step), 7)
    if unit == "weekend":
        return Week(monday + datetime.timedelta(7 * step + 5), 2)
    if unit == "month":
        years, month = divmod(today.month - 1 + step, 12)
        return Named(today.year + years, month + 1)
    return Named(today.year + step)


def _day(date: datetime.date) -> Named:
    return Named(date.year, date.month, date.day)
