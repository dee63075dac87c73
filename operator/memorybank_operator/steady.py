"""What others say, without what changes by itself: else a failing pod would cost a write of status a minute.

Kubelet, scheduler and drivers put times, counts and the ids of their requests into their messages.
"""

import json
import re
from typing import Final

LONGEST: Final = 500
"""Characters of a message that come into a status."""

_MOVING: Final = (
    re.compile(r"\bpreemption: .*$", re.IGNORECASE),
    re.compile(r"\(x\d+ over [^)]*\)"),
    re.compile(r"\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"),
    re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"),
    re.compile(r"\b(?:request ?id|requestid|trace ?id|correlation ?id)\s*[:=]\s*[\w-]+,?", re.IGNORECASE),
    re.compile(r"\b(?:back-off|after|in|within|for) (?:\d+(?:\.\d+)?(?:ms|µs|us|ns|h|m|s))+"),
    re.compile(r"\b0x[0-9a-fA-F]+\b"),
)
_NODES: Final = re.compile(r"\b0/\d+ nodes are available: (?P<why>.*?)\.?\s*$")


def steady(message: str) -> str:
    """A message's first line, which stays the same while what it says does."""
    line = " ".join(message.strip().splitlines()[:1])
    for moving in _MOVING:
        line = moving.sub("", line)
    if found := _NODES.search(line):
        line = line[: found.start()] + _each_once(found["why"])
    return " ".join(line.split()).strip(" .,;")[:LONGEST]


def _each_once(why: str) -> str:
    """The scheduler's reasons without how many nodes have each: those numbers follow everybody else's pods."""
    parts = {re.sub(r"^\d+ ", "", part.strip()) for part in re.split(r"[,;] (?=\d)", why)}
    return ", ".join(sorted(part.rstrip(". ") for part in parts if part))


def last_line(log: str) -> str:
    """The end of a container's log, as one sentence; of a line that is JSON, its message."""
    lines = log.strip().splitlines()
    if not lines:
        return ""
    try:
        entry = json.loads(lines[-1])
    except ValueError:
        return steady(lines[-1])
    if isinstance(entry, dict):
        said = next((entry[key] for key in ("message", "msg", "event", "error") if isinstance(entry.get(key), str)), "")
        return steady(said or lines[-1])
    return steady(lines[-1])
