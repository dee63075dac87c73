"""Who there are memories of; and forgetting what belongs to somebody or meets a condition, for good."""

from collections.abc import Mapping
from dataclasses import replace

from memorybank_service.memory.footing import Footing
from memorybank_service.memory.keeping import Keeping
from memorybank_service.memory.recalling import Recalling
from memorybank_service.store import NOTHING_ALONG, Along, Entity, EntityKind, Scope
from memorybank_service.store.filters import Filter

_AT_ONCE = 500


class Entities:
    def __init__(self, footing: Footing, memories: Keeping, recall: Recalling) -> None:
        self._on, self._memories, self._recall = footing, memories, recall

    async def listed(self, limit: int, offset: int = 0) -> list[Entity]:
        """Users first, then agents, apps and runs, each by name."""
        return await self._on.read(self._on.store.entities.listed, limit, offset)

    async def counted(self) -> Mapping[EntityKind, int]:
        return await self._on.read(self._on.store.entities.counted)

    async def older_than(self, memory_id: str) -> list[str]:
        """The ids of the facts whose place this one took, at first or second hand."""
        return await self._on.read(self._on.store.entities.superseded_by, memory_id)

    async def delete_all(self, scope: Scope, wanted: Filter | None = None, along: Along = NOTHING_ALONG) -> int:
        """Whatever was stored there before now, in whichever state; how many there were."""
        deleted, cursor, more = 0, None, True
        while more:
            page = await self._recall.page(scope, wanted=wanted, limit=_AT_ONCE, cursor=cursor)
            ids = [kept.memory.id for kept in page.memories]
            deleted += await self._memories.delete(ids, replace(along, receipt=None))
            cursor, more = page.next_cursor, page.next_cursor is not None
        return await self._on.replying(along, deleted)
