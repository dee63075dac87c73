"""Times in requests: RFC 3339, within what can be stored and shown again."""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from memorybank_service.clock import EARLIEST, LATEST

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def parse_time(text: object) -> float:
    """Seconds since 1970; the nearest that can be said in every zone, at both ends of time. Raises ValueError."""
    moment = None
    if isinstance(text, str) and _RFC3339.fullmatch(text):
        try:
            moment = datetime.fromisoformat(_without_leap_second(text).upper().replace(" ", "T", 1))
        except ValueError:
            moment = None
    if moment is None:
        raise ValueError("must be an RFC 3339 time with its zone, such as 2027-01-15T08:00:00Z")
    return min(max(moment.timestamp(), EARLIEST), LATEST)  # `9999-12-31` is for many what never comes


def is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None


def parse_day_or_time(text: object) -> float:
    """As `parse_time`; a date alone is the noon of that day. Raises ValueError."""
    if isinstance(text, str) and is_date(text):
        return parse_time(f"{text}T12:00:00Z")
    return parse_time(text)


def _without_leap_second(text: str) -> str:
    return f"{text[:17]}59{text[19:]}" if text[17:19] == "60" else text


Time = Annotated[float, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]
DayOrTime = Annotated[
    float,
    BeforeValidator(parse_day_or_time),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]


def parse_day(text: object) -> str:
    """Raises ValueError."""
    if isinstance(text, str) and is_date(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
    raise ValueError("must be a day, such as 2027-01-15")


Day = Annotated[str, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]
