"""Everything of a user, or of the tenant, on its way out: page by page, with writes in between.

It is no snapshot, which would keep the log from being folded for as long as the slowest client reads: a memory that
arrives or goes meanwhile may be in it or not, and each is whole.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from memorybank_service.memory.footing import Footing
from memorybank_service.store import Space
from memorybank_service.store.moved import Inventory, MovedMemory, MovedRest

_PAGE = 200


@dataclass(frozen=True)
class Leaving:
    moved: MovedMemory
    decay_seconds: float
    """For how long it has been forgotten, without the pauses: with its recalls it gives its retention anywhere."""


class Exporting:
    def __init__(self, footing: Footing) -> None:
        self._on = footing

    @property
    def space(self) -> Space:
        """That of the vectors."""
        return self._on.store.spaces.current

    async def inventory(self, user_id: str | None) -> Inventory:
        """How much there is now; None: of all users."""
        return await self._on.read(self._on.store.transfer.inventory, user_id)

    async def memories(self, user_id: str | None) -> AsyncGenerator[Sequence[Leaving], None]:
        """In pages, in the order of their arrival."""
        after = 0
        while page := await self._on.read(self._on.store.transfer.leaving, user_id, after, _PAGE):
            after = page[-1].memory.seq
            yield self._leaving(page)

    async def rest(self, user_id: str | None) -> Sequence[MovedRest]:
        return await self._on.read(self._on.store.transfer.rest, user_id)

    def _leaving(self, page: Sequence[MovedMemory]) -> list[Leaving]:
        now, pauses = self._on.now(), self._on.alive.pauses()
        anchors = [moved.memory.anchor for moved in page]
        paused = pauses.between(anchors, now)
        return [
            Leaving(moved, max(0.0, now - anchor - float(gone)))
            for moved, anchor, gone in zip(page, anchors, paused, strict=True)
        ]
