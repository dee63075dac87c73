"""What a query says besides its words: whom it names, which date, and that it asks when something was."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.dates import dates_in, nearness
from memorybank_service.store import View
from memorybank_service.store.marks import TELLS_TIME
from memorybank_service.store.words import tokens

Floats = NDArray[np.float32]
_ROLES = frozenset({"user", "assistant", "human", "ai", "agent", "bot", "system", "tool"})  # words as any other
_ASKS_WHEN = re.compile(
    r"^\s*when\b|\bwhen (?:did|do|does|was|were|is|are|will|has|have|had)\b|\bhow long\b"
    r"|\b(?:what|which) (?:day|date|month|year|time)\b|什[么麼][时時]候|何[时時]|哪一?[天年月]|几点|いつ|언제",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NamedSpeakers:
    said_by: Floats
    """1 where the query names a memory's speaker, and no other of the scope."""
    names: frozenset[str]
    """The query's tokens that ask who said it, and not which words."""


def named_speakers(view: View, text: str, present: NDArray[np.bool_]) -> NamedSpeakers:
    speaker = view.roster.speaker
    named = view.speakers_named(tokens(text))
    here = {code: names for code, names in named.items() if (present & (speaker == code)).any()}
    said_by = np.zeros(len(speaker), np.float32)
    if len(here) == 1:
        said_by[speaker == next(iter(here))] = 1
    return NamedSpeakers(said_by, frozenset[str]().union(*here.values()) - _ROLES)


def near_the_dates(view: View, text: str, now: float) -> Floats:
    """From 0 to 1: how near a memory's day is to the nearest that the query names."""
    mentions = dates_in(text, now)
    if not mentions:
        return np.zeros(len(view.roster), np.float32)
    return nearness(mentions, view.roster.created_at)


def tells_when(view: View, text: str) -> Floats:
    """1 for memories that say a time, where the query asks for one."""
    if not _ASKS_WHEN.search(text):
        return np.zeros(len(view.roster), np.float32)
    return ((view.roster.marks & TELLS_TIME) > 0).astype(np.float32)
