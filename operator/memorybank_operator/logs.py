"""Logs as JSON lines (or as text for people), on standard error."""

import contextlib
import contextvars
import datetime
import json
import logging
from collections.abc import Iterator

_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


Field = str | int | float

_about: contextvars.ContextVar[dict[str, Field] | None] = contextvars.ContextVar("about", default=None)


@contextlib.contextmanager
def about(**fields: Field) -> Iterator[None]:
    """Whatever is logged within, by whomever, has these fields."""
    token = _about.set({**(_about.get() or {}), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def note(**fields: Field) -> None:
    """Add to the fields of the surrounding `about`, to its end."""
    if (known := _about.get()) is not None:
        known.update(fields)


class JsonFormatter(logging.Formatter):
    """One object a line; the fields of `about`, and what a call gives as `extra`, become fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_about.get() or {}),
        }
        for name, value in record.__dict__.items():
            if name not in _PLAIN and isinstance(value, str | int | float):
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, form: str) -> None:
    """Set up the root logger."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter() if form == "json" else logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("asyncio",):
        logging.getLogger(name).setLevel(logging.WARNING)
