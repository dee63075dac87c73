"""Rosters kept in memory between searches, with the vectors of scopes that are small enough to be scanned exactly.

Scanning 10,000 vectors takes 1 ms, 100,000 some 10, and it misses nothing; reading them from disk each time would take
half a second. What was used last stays, within a budget.
"""

import threading
from collections import OrderedDict

from memorybank_service.store.resident import ResidentRoster
from memorybank_service.store.vector_blocks import decode, encode

__all__ = ["EXACT_LIMIT", "Rosters", "decode", "encode"]

EXACT_LIMIT = 110_000
"""Memories up to which a scope's vectors are kept and scanned."""
BUDGET_BYTES = 192 << 20
"""A scope of that size, and some more."""


class Rosters:
    def __init__(self, dimension: int, budget_bytes: int = BUDGET_BYTES) -> None:
        self.dimension, self._budget = dimension, budget_bytes
        self._lock = threading.Lock()
        self._resident: OrderedDict[int | None, ResidentRoster] = OrderedDict()
        self._sizes: dict[ResidentRoster, int] = {}
        self._total = 0

    def get(self, owner: int | None) -> ResidentRoster:
        """Known here before it is filled, so that no change in between is missed."""
        with self._lock:
            roster = self._resident.get(owner)
            if roster is None:
                roster = self._resident[owner] = ResidentRoster(owner, self.dimension, self.weigh)
            self._resident.move_to_end(owner)
        return roster

    def concerned(self, owner: int) -> list[ResidentRoster]:
        """Those that a change of this owner's memories must be told to."""
        with self._lock:
            return [roster for key in (owner, None) if (roster := self._resident.get(key)) is not None]

    def weigh(self, roster: ResidentRoster) -> None:
        """Makes room for what a roster has taken; the one used last stays, whatever its size."""
        with self._lock:
            if self._resident.get(roster.owner) is not roster:
                return  # evicted while it was being read
            size = roster.size_bytes
            self._total += size - self._sizes.get(roster, 0)
            self._sizes[roster] = size
            while self._total > self._budget and len(self._resident) > 1:
                _, oldest = self._resident.popitem(last=False)
                self._total -= self._sizes.pop(oldest, 0)
