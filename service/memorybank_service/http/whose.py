"""Whose memories a request is about, where a client's own settings say so by headers.

A chat client or an agent that speaks another's protocol has no field for it; nearly all of them can send headers.
"""

from collections.abc import Mapping

from memorybank_service.http.fields import EVERY_USER, LONGEST_ID
from memorybank_service.http.problems import Problem

WHOSE_HEADERS = {
    "user_id": "x-memorybank-user",
    "agent_id": "x-memorybank-agent",
    "run_id": "x-memorybank-run",
}


def ids_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The ids that are given, by their names. Raises Problem 400."""
    given = {name: _utf8(value) for name, header in WHOSE_HEADERS.items() if (value := headers.get(header))}
    for name, value in given.items():
        if len(value) > LONGEST_ID:
            raise Problem(400, "malformed-request", f"{WHOSE_HEADERS[name]} has more than {LONGEST_ID} characters.")
    if given.get("user_id") == EVERY_USER:
        raise Problem(400, "malformed-request", f"{WHOSE_HEADERS['user_id']} must be one user: `{EVERY_USER}` is all.")
    return given


def _utf8(value: str) -> str:
    """A header arrives as Latin-1, whatever it was meant to be."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value
