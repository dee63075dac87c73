"""Erasing a person for good: out of the database, the index, what is in memory, and the files beside them.

What is left is a receipt. Backups hold what was there when they were made: they are named in the receipt, or removed
with it where that is asked for; and whoever restores one does not bring the person back (see `open`).
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from memorybank_service.memory.footing import Footing
from memorybank_service.store import Erasure, StoreFullError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErasureReceipt:
    erasure: Erasure
    backups: Sequence[str]
    """Backups on this volume that were made before, and are not covered by it."""
    removed_backups: Sequence[str]
    files_clean: bool
    """False: something long kept the remains in the files from being overwritten; maintenance does it."""


class Erasing:
    def __init__(self, footing: Footing, moving: asyncio.Lock) -> None:
        """`moving` is held while a backup is made: it holds the person, and the receipt names it, or it does not."""
        self._on, self._moving = footing, moving

    async def open(self) -> None:
        """Goes on with what was broken off, and erases again whom an older copy of the store has brought back."""
        for user_id in await self._on.read(self._on.store.erasures.unfinished):
            log.warning("an erasure was broken off; it goes on")
            try:
                await self.erase(user_id)
            except StoreFullError as error:  # it goes on at the next start, or when it is asked for again
                log.error("an erasure could not be ended", extra={"error": str(error)})
        missing = await self._on.read(self._on.store.erasures.missing)
        if not missing:
            return
        log.warning("the store is older than erasures on this volume", extra={"erasures": len(missing)})
        await self._erase_those_of(missing)
        try:
            await asyncio.wrap_future(self._on.store.erasures.record(missing))
        except StoreFullError as error:  # they are erased; at the next start it is looked for them again
            log.error("erasures could not be recorded", extra={"error": str(error)})

    async def erase(self, user_id: str, *, with_backups: bool = False) -> ErasureReceipt:
        """Who is not known is erased as well: the receipt has zeros."""
        store, read = self._on.store, self._on.read
        async with self._moving:
            counted = await read(store.spool.erase, user_id)
            done = await read(store.erasures.erase, user_id, self._on.now(), counted)
            self._on.vectors.forget()
            removed = [backup.id for backup in await read(store.backups.listed)] if with_backups else []
            for backup_id in removed:
                await read(store.backups.remove, backup_id)
            await read(store.upkeep.remove_copies)
            clean = await self._clean()
            left = [backup.id for backup in await read(store.backups.listed)]
        return ErasureReceipt(done, left, removed, clean)

    async def again(self, erasures: Sequence[Erasure]) -> list[ErasureReceipt]:
        """Those of a copy of this store made before them. Raises ConflictError where one is no receipt of ours."""
        receipts = await self._erase_those_of(erasures)
        await asyncio.wrap_future(self._on.store.erasures.record(erasures))
        return receipts

    async def _erase_those_of(self, erasures: Sequence[Erasure]) -> list[ErasureReceipt]:
        users = await self._on.read(self._on.store.erasures.users_of, erasures)
        return [await self.erase(user_id) for user_id in users]

    async def listed(self) -> list[Erasure]:
        """The latest first."""
        return await self._on.read(self._on.store.erasures.recorded)

    async def _clean(self) -> bool:
        upkeep, read = self._on.store.upkeep, self._on.read
        await read(upkeep.shrink)
        scrubbed = await read(upkeep.scrub)
        folded = await read(upkeep.fold)
        emptied = await read(upkeep.empty_index)
        return scrubbed and folded and emptied
