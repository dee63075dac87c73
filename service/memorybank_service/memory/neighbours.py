"""What is heard along with a turn: the two before it and the two after it in its run.

A turn that answers a question says half of what it means, so a search scores each with its neighbours. They are looked
up while searching and nothing of them is stored with the turn: one that is deleted, has faded or is out of the scope
is heard no more, by itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memorybank_service.store import Roster
from memorybank_service.store.marks import ASKS

PREVIOUS, FARTHER = 0.5, 0.25
"""How loud the turn before is heard, and the three others; the turn itself at 1."""
QUESTION = 1.0
"""The turn before, where it is a question: this one is the answer."""
_LIKENESS = 0.5  # a typical cosine of two turns next to each other

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """One of a turn's four neighbours, for every position of a roster."""

    place: NDArray[np.intp]
    """Where it stands; the length of the roster: nowhere."""
    heard_by: NDArray[np.intp]
    """The other way round: whose neighbour this position is."""
    weight: Floats
    """0 where there is none to be heard."""


class Neighbourhood:
    def __init__(self, roster: Roster, present: NDArray[np.bool_]) -> None:
        """`present`: those whose words and vectors may be heard."""
        self._present = present
        self.before: list[NDArray[np.intp]] = []
        self.after: list[NDArray[np.intp]] = []
        self.neighbours: list[Neighbour] = []
        nowhere = len(roster)
        linked = np.flatnonzero((roster.previous >= 0) & (roster.previous < nowhere))
        if not len(linked):
            return
        previous = np.full(nowhere + 1, nowhere, np.intp)
        following = previous.copy()
        previous[linked] = roster.previous[linked]
        following[previous[linked]] = linked
        self.before = [previous[:-1], previous[previous[:-1]]]
        self.after = [following[:-1], following[following[:-1]]]
        heard = np.append(present, False).astype(np.float32)
        louder = np.append(np.where(roster.marks & ASKS, QUESTION, PREVIOUS), 0).astype(np.float32)
        weights = [(heard * louder)[self.before[0]], *(FARTHER * heard[p] for p in (self.before[1], *self.after))]
        places, others = [*self.before, *self.after], [*self.after, *self.before]
        self.neighbours = [
            Neighbour(place, heard_by, weight.astype(np.float32))
            for place, heard_by, weight in zip(places, others, weights, strict=True)
        ]

    def walk(self, place: int, step: int, count: int) -> list[int]:
        """At most `count` turns that may be heard, before (step -1) or after it (1), in the order they were said."""
        links = (self.before if step < 0 else self.after)[:1]
        found: list[int] = []
        for link in links:
            while len(found) < count and (place := int(link[place])) < len(link):
                if self._present[place]:
                    found.append(place)
        return found[::step]

    def along(self, cosines: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """The cosine of a turn's vector with its neighbours' added to it, by weight: the turn's own part, and theirs.

        `known`: who has a vector. How long the sum is follows from the weights and from how alike neighbours are as a
        rule, so their vectors need not be looked at. (Added up exactly it finds no more.)
        """
        own = known.astype(np.float32)
        theirs, weights, squares = np.zeros_like(own), own.copy(), own.copy()
        cosines_or_none, known_or_none = np.append(cosines * own, np.float32(0)), np.append(own, np.float32(0))
        for neighbour in self.neighbours:
            weight = neighbour.weight * known_or_none[neighbour.place]
            theirs += weight * cosines_or_none[neighbour.place]
            weights += weight
            squares += weight * weight
        length: Floats = np.sqrt((1 - _LIKENESS) * squares + _LIKENESS * weights * weights)
        length[length == 0] = 1
        return (cosines * own / length).astype(np.float32), (theirs / length).astype(np.float32)

    def lengths(self, words: NDArray[np.int32]) -> Floats:
        """How many words are heard with each turn, its own included."""
        own = words.astype(np.float32)
        total, words_or_none = own.copy(), np.append(own, np.float32(0))
        for neighbour in self.neighbours:
            total += words_or_none[neighbour.place] * (neighbour.weight > 0)
        return total

    def strongest(self, positions: NDArray[np.int32], counts: NDArray[np.uint8], into: Floats) -> None:
        """How often a term is heard with each turn: the most of its own count and its neighbours' by weight."""
        nowhere, heard = len(into), counts.astype(np.float32)
        into[positions] = heard
        for neighbour in self.neighbours:
            hearing = neighbour.heard_by[positions]
            there = hearing < nowhere
            hearing = hearing[there]
            # Each turn hears one neighbour in each direction, so no position comes twice.
            into[hearing] = np.maximum(into[hearing], neighbour.weight[hearing] * heard[there])
