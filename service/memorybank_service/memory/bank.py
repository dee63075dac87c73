"""A tenant's memory bank: everything the routes can ask for, with embedding and disk off the event loop.

memories    adding, reading, changing, deleting
recall      searching and listing
entities    who there are memories of
decay       the forgetting
learning    facts that a language model draws from what was said
summing_up  summaries of days, and the portrait
people      what is known of a user
jobs        work that outlives a restart
embeddings  vectors that come later than the words
reembedding changing the embedding model
exporting   everything of a user or the tenant, on its way out
importing   uploads, taken in in the background
backups     copies of everything on the tenant's own volume
erasing     a person's whole memory, gone for good
maintenance what the store needs from time to time
"""

import asyncio
from collections.abc import Callable

from memorybank_service.clock import Clock
from memorybank_service.embedding import Embedder
from memorybank_service.llm import LanguageModel
from memorybank_service.memory.asking import Patience
from memorybank_service.memory.backing_up import BackingUp
from memorybank_service.memory.decay import Decay
from memorybank_service.memory.embedding_queue import EmbeddingQueue
from memorybank_service.memory.entities import Entities
from memorybank_service.memory.erasing import Erasing
from memorybank_service.memory.exporting import Exporting
from memorybank_service.memory.footing import Footing, ignore_timing
from memorybank_service.memory.importing import Importing
from memorybank_service.memory.jobs import Jobs
from memorybank_service.memory.keeping import Keeping
from memorybank_service.memory.learning import Learning
from memorybank_service.memory.maintenance import Maintenance
from memorybank_service.memory.people import People
from memorybank_service.memory.recalling import Recalling
from memorybank_service.memory.reembedding import Reembedding
from memorybank_service.memory.summing_up import SummingUp
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import KeptReply, MemoryStore, Totals

MOVING_DATA = "data"
"""The lane of jobs that move much data and may take hours."""
UPKEEP = "upkeep"
"""The lane of backups and maintenance, which do not wait for those."""
ASKING = "model"
"""The lane of what a language model is asked in the background, one thing at a time."""


class MemoryBank:
    def __init__(
        self,
        store: MemoryStore,
        embedder: Embedder,
        forgetting: ForgettingSettings,
        clock: Clock,
        timed: Callable[[str, float], None] = ignore_timing,
        model: LanguageModel | None = None,
        missing: str | None = None,
    ) -> None:
        """`model`: where one is configured; it counts its own tokens. Without it, no facts are drawn from words.

        `missing`: why there is none, a sentence without its full stop.
        """
        self.footing = Footing(store, embedder, forgetting, clock, timed)
        self.jobs = Jobs(self.footing)
        self.memories = Keeping(self.footing, self.jobs)
        self.recall = Recalling(self.footing)
        self.entities = Entities(self.footing, self.memories, self.recall)
        self.decay = Decay(self.footing)
        self.embeddings = EmbeddingQueue(self.footing)
        self.reembedding = Reembedding(self.footing, self.jobs, MOVING_DATA)
        self.exporting = Exporting(self.footing)
        self.importing = Importing(self.footing, self.jobs, self.memories, MOVING_DATA)
        moving = asyncio.Lock()
        self.backups = BackingUp(self.footing, self.jobs, UPKEEP, moving)
        self.erasing = Erasing(self.footing, moving)
        self.maintenance = Maintenance(self.footing, self.jobs, UPKEEP)
        self.model = model
        patience = Patience(clock)
        if model is not None:
            Learning(self.footing, self.recall, self.jobs, model, patience, ASKING)
        self.summing_up = SummingUp(self.footing, self.jobs, model, patience, ASKING, missing)
        self.people = People(self.footing, self.summing_up)
        self._closed = False

    async def open(self) -> None:
        await self.footing.alive.open()
        await self.erasing.open()
        await self.decay.open()
        await self.backups.open()
        await self.importing.open()
        self.jobs.start()
        self.embeddings.start()
        self.footing.vectors.open()

    async def close(self) -> None:
        """Finishes what is under way. Closing twice is closing once."""
        if self._closed:
            return
        self._closed = True
        self.footing.store.break_off()
        try:
            await self.jobs.stop()
            await self.embeddings.stop()
            await self.footing.vectors.stop()
            await self.beat()
        finally:
            await asyncio.to_thread(self.footing.close)

    async def beat(self) -> None:
        """Records that the service runs; to be called every minute or so."""
        await self.footing.alive.beat()
        await self.footing.read(self.footing.store.tend)

    def now(self) -> float:
        return self.footing.now()

    async def maintain(self) -> str:
        """A sentence about the outcome."""
        return await self.maintenance.run()

    async def totals(self) -> Totals:
        return await self.footing.read(self.footing.store.totals)

    async def size_bytes(self) -> int:
        return await self.footing.read(self.footing.store.size_bytes)

    async def reply(self, key_name: str, route: str, idempotency_key: str) -> KeptReply | None:
        """The answer that was kept with a write under this idempotency key, for 24 hours."""
        return await self.footing.read(self.footing.store.reply, key_name, route, idempotency_key, self.now())
