"""Texts as terms: what a search by words compares.

Words lose case, width, accents and the endings of English plurals and verbs; Chinese, Japanese and Korean, which put
no spaces between words, become overlapping pairs of characters, so that two-character words are found too.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Set

from memorybank_service.store.stemming import stem

# Recorded with the postings: a store that was written by another version of these rules is indexed anew.
RULES = 3
_SINGLE_CHARACTERS = 3  # since when

_CJK = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_TOKENS = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>(?:(?![{_CJK}])[^\W_])+)")
_RUN = re.compile(rf"[{_CJK}]{{2,}}")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_LONGEST = 64

# What questions are made of, and conversations too. Month names that are words as well ("may", "march") stay out of it:
# dates are what people ask for.
_STOP_WORDS = """
    a about am an and any are as at be been being but by can could d did do does doing for from go going had has have
    having he her hers him his how i if in into is it its just kind kinds ll m many me much my of on or our ours re s
    she should so some sort sorts such t than that the their them then there these they this those to too type types us
    ve very was we went were what when where which while who whom whose why will with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def tokens(text: str) -> list[str]:
    """Every word and pair of characters in the order of the text, as they stand there."""
    found: list[str] = []
    for match in _TOKENS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        if match["cjk"]:
            found += _pairs(match["cjk"])
        else:
            found.append(_plain(match["word"]))
    return [token for token in found if token]


def terms(text: str) -> list[str]:
    """The tokens as they are compared."""
    return [stem(token) for token in tokens(text)]


def counted(text: str) -> Counter[str]:
    return Counter(terms(text))


def indexed(text: str) -> tuple[Counter[str], int]:
    """How often each term can be found in it, single characters too; and of how many it consists without those."""
    counts = counted(text)
    total = counts.total()
    for run in _runs(text):
        counts.update(run)
    return counts, total


def is_indexed_alike(text: str, rules: int) -> bool:
    """Whether the rules of that version make the same of it."""
    return rules == _SINGLE_CHARACTERS - 1 and not _runs(text)


def query_terms(text: str, without: Set[str] = frozenset()) -> list[str]:
    """The distinct terms worth looking up; stop words and tokens in `without` only where there is nothing else."""
    said = tokens(text)
    worth = [token for token in said if token not in STOP_WORDS and token not in without]
    return list(dict.fromkeys(map(stem, worth or said)))


def cjk_share(text: str) -> float:
    """How much of a text's letters and digits is Chinese, Japanese or Korean, from 0 to 1."""
    runs = [
        (len(match[0]), match["cjk"] is not None) for match in _TOKENS.finditer(unicodedata.normalize("NFKC", text))
    ]
    letters = sum(length for length, _ in runs)
    return sum(length for length, is_cjk in runs if is_cjk) / letters if letters else 0.0


def _runs(text: str) -> list[str]:
    """Of two and more characters: a single one is a token."""
    return [] if text.isascii() else _RUN.findall(unicodedata.normalize("NFKC", text).casefold())


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def _plain(word: str) -> str:
    if ordinal := _ORDINAL.fullmatch(word):
        return ordinal[1]
    if word.isascii():
        return word[:_LONGEST]
    letters = unicodedata.normalize("NFD", word)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))[:_LONGEST]
