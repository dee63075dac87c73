"""Vectors of texts: at once where the embedding is on this machine, later where it has to be asked for over a network.

Vectors of the configured embedding are made for the data only while it is that of the data. Otherwise, and while a
provider does not answer, searches go by words, and what is stored waits for its vector on disk.
"""

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from memorybank_service.embedding import Embedder, EmbeddingError, Vector
from memorybank_service.store import Memory, MemoryStore

log = logging.getLogger(__name__)
QUERY_SECONDS = 2.0
"""How long a search waits for a provider."""
QUIET_SECONDS = 10.0
"""After a failure, searches do not wait for the provider for this long."""
_KNOWN_QUERIES = 256
_CHUNK = 16  # texts of one call where there are many: short enough for others to come in between

OTHER_SPACE = (
    "The memories were embedded with {data}, and this service embeds with {configured}: they are found by their words "
    "alone until POST /v1/reembed has embedded them anew."
)
NO_ANSWER = "The embedding provider did not answer in time; this search went by words alone."


def text_of(memory: Memory) -> str:
    """What is embedded of a memory."""
    return memory.content


class Vectors:
    def __init__(self, store: MemoryStore, embedder: Embedder, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._embedder, self._monotonic = store, embedder, monotonic
        self._few = ThreadPoolExecutor(2, thread_name_prefix="embedder")
        self._cores = max(1, len(os.sched_getaffinity(0)))
        # Of its own: importing must not stand before the next question.
        self._many = ThreadPoolExecutor(self._cores, thread_name_prefix="embedder-many")
        self._queries: OrderedDict[str, Vector] = OrderedDict()
        self._quiet_until = -1.0

    def close(self) -> None:
        """Once nothing is under way any more; blocks."""
        self._few.shutdown()
        self._many.shutdown()

    @property
    def of_the_data(self) -> bool:
        """Whether what is configured is what the data were embedded with."""
        return self._embedder.name == self._store.space

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Raises EmbeddingError."""
        return await asyncio.get_running_loop().run_in_executor(self._few, self._embedder.embed, texts)

    async def embed_many(self, texts: Sequence[str]) -> list[Vector]:
        """On all cores, behind what is asked by `embed`. Raises EmbeddingError."""
        if not self._embedder.at_once:  # a provider takes many in one request
            return await asyncio.get_running_loop().run_in_executor(self._many, self._embedder.embed, texts)
        # Neighbours in length together would gain nothing: texts are embedded one by one.
        chunks = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
        calls = [
            asyncio.get_running_loop().run_in_executor(self._many, self._embedder.embed, chunk) for chunk in chunks
        ]
        return [vector for made in await asyncio.gather(*calls) for vector in made]

    async def for_writing(self, texts: Sequence[str]) -> list[Vector | None]:
        """What is stored with these texts; None: it waits for its vector."""
        if not (self._embedder.at_once and self.of_the_data):
            return [None] * len(texts)
        return list(await (self.embed(texts) if len(texts) <= _CHUNK else self.embed_many(texts)))

    async def for_query(self, text: str) -> tuple[Vector | None, Sequence[str]]:
        """The vector to search by, or None with the reason, a sentence, why there is none."""
        if not self.of_the_data:
            return None, [OTHER_SPACE.format(data=self._store.space, configured=self._embedder.name)]
        if self._embedder.at_once:
            [vector] = await self.embed([text])
            return vector, ()
        if self._store.spaces.current.dimension == 0:  # nothing has a vector yet
            return None, ()
        known = self._queries.get(text)
        if known is None:
            known = await self._asked(text)
            return known, () if known is not None else [NO_ANSWER]
        self._queries.move_to_end(text)
        return known, ()

    def answered(self) -> None:
        """The provider does answer: searches need not hold back."""
        self._quiet_until = -1.0

    async def _asked(self, text: str) -> Vector | None:
        """None where the provider does not answer, or did not a moment ago."""
        if self._monotonic() < self._quiet_until:
            return None
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                [vector] = await self.embed([text])
        except (EmbeddingError, TimeoutError) as error:
            log.warning("a query was not embedded", extra={"error": str(error) or "no answer in time"})
            self._quiet_until = self._monotonic() + QUIET_SECONDS
            return None
        self._queries[text] = vector
        if len(self._queries) > _KNOWN_QUERIES:
            self._queries.popitem(last=False)
        return vector

    def forget_queries(self) -> None:
        self._queries.clear()
