"""English words without the endings of plurals and verbs: "camps", "camped" and "camping" are one term.

Far less than Porter's stemmer does, and as good on conversations; what it does not know, names and other languages
among it, mostly stays as it is. Query and memory go through the same, so a word cut too short is still found.
"""

from functools import lru_cache

_VOWELS = frozenset("aeiouy")


@lru_cache(16_384)
def stem(word: str) -> str:
    if len(word) < 4 or not (word.isascii() and word.isalpha()):
        return word
    word = _singular(word)
    if len(word) > 5 and word.endswith("ing") and _VOWELS.intersection(word[:-3]):
        word = _undoubled(word[:-3])
    elif len(word) > 4 and word.endswith("ed") and _VOWELS.intersection(word[:-2]):
        word = _undoubled(word[:-2])
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undoubled(word: str) -> str:
    """ "planned" is of "plan", "called" of "call"."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        return word[:-1]
    return word
