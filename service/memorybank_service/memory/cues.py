"""What a query says besides its words: whom it names, which date, and that it asks when something was."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.memory.dates import Calendar, dates_in, nearness
from memorybank_service.store import Roster, View
from memorybank_service.store.marks import TELLS_TIME
from memorybank_service.store.words import tokens

Floats = NDArray[np.float32]
_MEMO = "calendar"
_ROLES = frozenset({"user", "assistant", "human", "ai", "agent", "bot", "system", "tool"})  # words as any other
_ASKS_WHEN = re.compile(
    r"^\s*when\b|\bwhen (?:did|do|does|was|were|is|are|will|has|have|had)\b|\bhow long\b"
    r"|\b(?:what|which) (?:day|date|month|year|time)\b|什[么麼][时時]候|何[时時]|哪一?[天年月]|几点|いつ|언제",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class NamedSpeakers:
    said_by: Floats | None
    """1 where the query names a memory's speaker, and no other of the scope; None: it names none, or several."""
    names: frozenset[str]
    """The query's tokens that ask who said it, and not which words."""


def named_speakers(view: View, text: str, present: NDArray[np.bool_]) -> NamedSpeakers:
    speaker = view.roster.speaker
    named = view.speakers_named(tokens(text))
    here = {code: names for code, names in named.items() if (present & (speaker == code)).any()}
    said_by = (speaker == next(iter(here))).astype(np.float32) if len(here) == 1 else None
    return NamedSpeakers(said_by, frozenset[str]().union(*here.values()) - _ROLES)


def near_the_dates(view: View, text: str, now: float) -> Floats | None:
    """From 0 to 1: how near a memory's day is to the nearest that the query names; None: it names none."""
    mentions = dates_in(text, now)
    return nearness(mentions, _calendar(view.roster)) if mentions else None


def _calendar(roster: Roster) -> Calendar:
    """The one of the search before, where nothing has changed since."""
    kept = roster.memo.get(_MEMO)
    if not isinstance(kept, Calendar):
        kept = roster.memo[_MEMO] = Calendar.of(roster.created_at)
    return kept


def tells_when(view: View, text: str) -> Floats | None:
    """1 for memories that say a time; None: the query asks for none."""
    if not _ASKS_WHEN.search(text):
        return None
    return ((view.roster.marks & TELLS_TIME) > 0).astype(np.float32)
