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
from memorybank_service.embedding.texts import embedded_text
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
NO_ANSWER = "the embedding provider did not answer in time"
BY_WORDS = "This search went by words alone: {reason}."


def text_of(memory: Memory) -> str:
    """What is embedded of a memory."""
    return embedded_text(memory.content, memory.speaker)


class Vectors:
    def __init__(self, store: MemoryStore, embedder: Embedder, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._embedder, self._monotonic = store, embedder, monotonic
        self._few = ThreadPoolExecutor(2, thread_name_prefix="embedder")
        self._cores = max(1, len(os.sched_getaffinity(0)))
        # Of its own: importing must not stand before the next question.
        self._many = ThreadPoolExecutor(self._cores, thread_name_prefix="embedder-many")
        self._queries: OrderedDict[str, Vector] = OrderedDict()
        self._failure: str | None = None
        self._quiet_until = 0.0

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
        if self._store.spaces.current.dimension == 0:  # nothing has a vector yet, and the queue knows why
            return None, [BY_WORDS.format(reason=self._failure)] if self._failure is not None else ()
        if (known := self._queries.get(text)) is not None:
            self._queries.move_to_end(text)
            return known, ()
        try:
            return await self._asked(text), ()
        except EmbeddingError as error:
            return None, [BY_WORDS.format(reason=error)]

    def answered(self) -> None:
        """The provider does answer: searches need not hold back."""
        self._failure = None

    async def _asked(self, text: str) -> Vector:
        """Raises EmbeddingError where the provider does not answer in time, or did not a moment ago."""
        if self._failure is not None and self._monotonic() < self._quiet_until:
            raise EmbeddingError(self._failure)
        asked = asyncio.ensure_future(self.embed([text]))
        asked.add_done_callback(lambda done: self._answer_came(text, done))
        await asyncio.wait([asked], timeout=QUERY_SECONDS)
        if not asked.done():  # it goes on: the next one may find it answered
            self.failed(NO_ANSWER)
            raise EmbeddingError(NO_ANSWER)
        return (await asked)[0]

    def _answer_came(self, text: str, asked: "asyncio.Future[list[Vector]]") -> None:
        if asked.cancelled():
            return
        if isinstance(error := asked.exception(), EmbeddingError):
            log.warning("a query was not embedded", extra={"error": str(error)})
            self.failed(str(error))
        elif error is None:
            self._failure = None
            self._queries[text] = asked.result()[0]
            if len(self._queries) > _KNOWN_QUERIES:
                self._queries.popitem(last=False)

    def failed(self, reason: str) -> None:
        """The provider does not answer: searches do not wait for it for a while."""
        self._failure, self._quiet_until = reason.rstrip("."), self._monotonic() + QUIET_SECONDS

    def forget(self) -> None:
        """What was asked lately: somebody is erased."""
        self._queries.clear()
        self._embedder.forget()
