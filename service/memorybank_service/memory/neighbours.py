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
_MEMO = "neighbourhood"

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


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
    """Of a roster's memories, of which the `present` may be heard."""

    def __init__(self, roster: Roster, present: Mask) -> None:
        self.present = present
        self.memo: dict[str, object] = {}
        """What one search made of it and the next may want again."""
        self.neighbours = _neighbours(roster, present)
        self.words = self._counted(roster.words)
        """How many words are heard with each turn, its own included."""
        self.embedded = roster.embedded & present
        self._lengths = self._lengths_of_sums(self.embedded)

    def along(self, cosines: Floats, known: Mask) -> tuple[Floats, Floats]:
        """The cosine of a turn's vector with its neighbours' added to it, by weight: the turn's own part, and theirs.

        `known`: of whom there is a cosine. How long the sum is follows from the weights and from how alike neighbours
        are as a rule, so their vectors need not be looked at. (Added up exactly it finds no more.)
        """
        lengths = self._lengths if known is self.embedded else self._lengths_of_sums(known)
        own = np.zeros(len(cosines) + 1, np.float32)  # the last: of no neighbour
        np.multiply(cosines, known, out=own[:-1])
        theirs, heard = np.zeros_like(cosines), np.empty_like(cosines)
        for neighbour in self.neighbours:
            own.take(neighbour.place, out=heard, mode="clip")
            heard *= neighbour.weight
            theirs += heard
        theirs /= lengths
        return own[:-1] / lengths, theirs

    def strongest(self, positions: NDArray[np.int32], counts: NDArray[np.uint8], into: Floats) -> None:
        """How often a term is heard with each turn: the most of its own count and its neighbours' by weight."""
        nowhere, heard, places = len(into), counts.astype(np.float32), positions.astype(np.intp)
        into[places] = heard
        for neighbour in self.neighbours:
            hearing = neighbour.heard_by.take(places)
            there = hearing < nowhere
            weighted = heard
            if not there.all():
                hearing, weighted = hearing[there], heard[there]
            # Each turn hears one neighbour in each direction, so no position comes twice.
            into[hearing] = np.maximum(into.take(hearing), neighbour.weight.take(hearing) * weighted)

    def with_neighbours(self, chosen: Mask) -> Mask:
        result, places = np.append(chosen, False), np.flatnonzero(chosen)
        for neighbour in self.neighbours:
            result[neighbour.place[places]] = True
        return result[:-1]

    def walk(self, place: int, step: int, count: int) -> list[int]:
        """At most `count` turns that may be heard, before (step -1) or after it (1), in the order they were said."""
        if not self.neighbours:
            return []
        nearest = self.neighbours[0]
        link = nearest.place if step < 0 else nearest.heard_by
        found: list[int] = []
        while len(found) < count and (place := int(link[place])) < len(link):
            if self.present[place]:
                found.append(place)
        return found[::step]

    def _counted(self, words: NDArray[np.int32]) -> Floats:
        total = words.astype(np.float32)
        or_none = np.append(total, np.float32(0))
        for neighbour in self.neighbours:
            total += or_none[neighbour.place] * (neighbour.weight > 0)
        return total

    def _lengths_of_sums(self, known: Mask) -> Floats:
        weights = known.astype(np.float32)
        squares, or_none = weights.copy(), np.append(weights, np.float32(0))
        for neighbour in self.neighbours:
            weight = neighbour.weight * or_none[neighbour.place]
            weights += weight
            squares += weight * weight
        lengths: Floats = np.sqrt((1 - _LIKENESS) * squares + _LIKENESS * weights * weights)
        lengths[lengths == 0] = 1
        return lengths


def neighbourhood(roster: Roster, present: Mask) -> Neighbourhood:
    """The one of the search before, where nothing has changed since."""
    kept = roster.memo.get(_MEMO)
    if not isinstance(kept, Neighbourhood) or not np.array_equal(kept.present, present):
        kept = roster.memo[_MEMO] = Neighbourhood(roster, present)
    return kept


def _neighbours(roster: Roster, present: Mask) -> list[Neighbour]:
    """The turn before, the one before that, the turn after, the one after that; none where nobody has any."""
    nowhere = len(roster)
    linked = np.flatnonzero(roster.previous >= 0)
    if not len(linked):
        return []
    previous = np.full(nowhere + 1, nowhere, np.intp)
    following = previous.copy()
    previous[linked] = roster.previous[linked]
    following[previous[linked]] = linked
    before = [previous[:-1], previous[previous[:-1]]]
    after = [following[:-1], following[following[:-1]]]
    heard = np.append(present, False).astype(np.float32)
    louder = heard * np.append(np.where(roster.marks & ASKS, QUESTION, PREVIOUS), 0).astype(np.float32)
    weights = [louder[before[0]], *(np.float32(FARTHER) * heard[places] for places in (before[1], *after))]
    return [
        Neighbour(place, heard_by, weight)
        for place, heard_by, weight in zip([*before, *after], [*after, *before], weights, strict=True)
    ]
