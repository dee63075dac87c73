"""Texts as terms: what a search by words compares.

Words lose case, width and accents; Chinese, Japanese and Korean, which put no spaces between words, become
overlapping pairs of characters, so that two-character words are found too.
"""

import re
import unicodedata
from collections import Counter

# Recorded with the postings: a store that was written by another version of these rules is indexed anew.
RULES = 1

_CJK = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_TOKENS = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>(?:(?![{_CJK}])[^\W_])+)")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_LONGEST = 64

# Month names that are words too ("may", "march") stay out of it: dates are what people ask for.
_STOP_WORDS = """
    a about am an and any are as at be been being but by can could d did do does doing for from had has have
    having he her hers him his how i if in into is it its just ll m me my of on or our ours re s she should so
    some such t than that the their them then there these they this those to too us ve very was we were what
    when where which while who whom whose why will with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def terms(text: str) -> list[str]:
    """Every term in the order of the text."""
    found: list[str] = []
    for match in _TOKENS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        if match["cjk"]:
            found += _pairs(match["cjk"])
        else:
            found.append(_plain(match["word"]))
    return [term for term in found if term]


def counted(text: str) -> Counter[str]:
    return Counter(terms(text))


def query_terms(text: str) -> list[str]:
    """The distinct terms worth looking up; stop words only where there is nothing else."""
    distinct = list(dict.fromkeys(terms(text)))
    return [term for term in distinct if term not in STOP_WORDS] or distinct


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def _plain(word: str) -> str:
    if ordinal := _ORDINAL.fullmatch(word):
        return ordinal[1]
    if word.isascii():
        return word[:_LONGEST]
    letters = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))[:_LONGEST]
