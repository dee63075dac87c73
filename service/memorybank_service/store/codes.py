"""Small numbers for the names in a roster: comparing a hundred thousand of them takes microseconds."""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from memorybank_service.store.words import STOP_WORDS, tokens

Key = TypeVar("Key", bound=Hashable)
NONE = -1
UNKNOWN = -2
"""Of what is not in the roster: equal to no code of it, NONE included."""
_LONGEST_NAME = 4


class Codes(Generic[Key]):
    """Numbers are only ever added, by one thread at a time; any thread may look them up meanwhile."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, key: Key) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def find(self, key: Key) -> int:
        return self._numbers.get(key, UNKNOWN)


class SpeakerCodes:
    """Speakers, and which of them a text names."""

    def __init__(self) -> None:
        self._codes: Codes[str] = Codes()
        self._names: dict[tuple[str, ...], tuple[int, ...]] = {}

    def number(self, speaker: str) -> int:
        key = speaker.casefold()
        if (known := self._codes.find(key)) != UNKNOWN:
            return known
        number = self._codes.number(key)
        name = tuple(tokens(speaker)[:_LONGEST_NAME])
        for part in {name, name[:1]}:  # the whole name or the first of it
            if part and not STOP_WORDS.issuperset(part):
                self._names[part] = (*self._names.get(part, ()), number)
        return number

    def named(self, said: Sequence[str]) -> dict[int, frozenset[str]]:
        """The speakers that these tokens name, with the tokens that do; a longer name goes before a shorter one."""
        found: dict[int, frozenset[str]] = {}
        place = 0
        while place < len(said):
            for length in range(min(_LONGEST_NAME, len(said) - place), 0, -1):
                name = tuple(said[place : place + length])
                if numbers := self._names.get(name):
                    for number in numbers:
                        found[number] = found.get(number, frozenset()).union(name)
                    place += length - 1
                    break
            place += 1
        return found
