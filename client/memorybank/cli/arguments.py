"""How the words of a command line become values, and what is said of those that cannot."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

EVERY_USER = "*"


def moment(text: str) -> datetime:
    """A time or a day; without a zone, UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time such as 2027-01-15T08:00:00Z") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def pair(text: str) -> tuple[str, Any]:
    """KEY=VALUE, where a value that is JSON is taken as such."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"it is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ArgumentTypeError("it must be a JSON object")
    return found


def add_scope(parser: ArgumentParser, *, user: str) -> None:
    """Whose memories: `user` says what it means to leave that out."""
    parser.add_argument("--user", metavar="ID", help=user)
    parser.add_argument("--agent", metavar="ID", help="of this agent only")
    parser.add_argument("--run", metavar="ID", help="of this conversation only")


def add_everywhere(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-A", "--all-namespaces", dest="everywhere", action="store_true", help="of every namespace of the cluster"
    )


def add_patience(parser: ArgumentParser, seconds: int) -> None:
    parser.add_argument(
        "--timeout",
        type=positive_seconds,
        default=float(seconds),
        metavar="SECONDS",
        help=f"how long to wait (default {seconds})",
    )


def positive_seconds(text: str) -> float:
    try:
        seconds = float(text.removesuffix("s"))
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 1 to 86400")
    return seconds
