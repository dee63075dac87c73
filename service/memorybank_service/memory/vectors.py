"""Vectors of texts: at once where the embedding is on this machine, later where it has to be asked for over a network.

Vectors of the configured embedding are made for the data only while it is that of the data. Otherwise, and while a
provider does not answer, searches go by words, and what is stored waits for its vector on disk.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from memorybank_service.embedding import (
    AskedEmbedder,
    Embedder,
    EmbeddingError,
    TextRefusedError,
    Vector,
    has_to_be_asked,
)
from memorybank_service.embedding.texts import embedded_text
from memorybank_service.memory.answering import Answering
from memorybank_service.memory.queries import Queries
from memorybank_service.niceness import yield_the_processor
from memorybank_service.store import Memory, MemoryStore

log = logging.getLogger(__name__)
_CHUNK = 16  # texts of one call where there are many: short enough for others to come in between

OTHER_SPACE = (
    "The memories were embedded with {data}, and this service embeds with {configured}: they are found by their words "
    "alone until POST /v1/reembed has embedded them anew."
)
BY_WORDS = "This search went by words alone: {reason}."


def text_of(memory: Memory) -> str:
    """What is embedded of a memory."""
    return embedded_text(memory.content, memory.speaker)


class Vectors:
    def __init__(self, store: MemoryStore, embedder: Embedder) -> None:
        self._store, self._embedder = store, embedder
        self._few = ThreadPoolExecutor(2, thread_name_prefix="embedder", initializer=yield_the_processor)
        self._cores = max(1, len(os.sched_getaffinity(0)))
        # Of its own: importing must not stand before the next question.
        self._many = ThreadPoolExecutor(
            self._cores, thread_name_prefix="embedder-many", initializer=yield_the_processor
        )
        self._asked = _Asked(embedder) if has_to_be_asked(embedder) else None
        self._waits_because: str | None = None  # of what was stored last: why it has no vector yet

    def open(self) -> None:
        """Has what is needed for searches started, and waits for nothing."""
        if self.missing is not None:
            log.warning("there will be no vectors", extra={"error": self.missing})
        elif self._asked is not None and self.of_the_data:
            self._asked.answers.find_out()

    async def stop(self) -> None:
        """Once no search is under way any more."""
        if self._asked is not None:
            await self._asked.answers.stop()
            await self._asked.queries.stop()

    def close(self) -> None:
        """Once nothing is under way any more; blocks."""
        self._few.shutdown()
        self._many.shutdown()
        if self._asked is not None:
            self._asked.queries.close()
            self._asked.answers.close()

    @property
    def of_the_data(self) -> bool:
        """Whether what is configured is what the data were embedded with."""
        return self._embedder.name == self._store.space

    @property
    def missing(self) -> str | None:
        """What the settings lack for the embedding, a sentence; None: nothing."""
        return None if self._asked is None else self._asked.embedder.missing

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Raises EmbeddingError."""
        return await asyncio.get_running_loop().run_in_executor(self._few, self._embedder.embed, texts)

    async def embed_many(self, texts: Sequence[str]) -> list[Vector]:
        """On all cores, behind what is asked by `embed`. Raises EmbeddingError."""
        loop = asyncio.get_running_loop()
        if self._asked is not None:  # a provider takes many in one request
            vectors = await loop.run_in_executor(self._many, self._embedder.embed, texts)
            self._asked.answers.answered()
            return vectors
        # Neighbours in length together would gain nothing: texts are embedded one by one.
        chunks = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
        calls = [loop.run_in_executor(self._many, self._embedder.embed, chunk) for chunk in chunks]
        return [vector for made in await asyncio.gather(*calls) for vector in made]

    async def for_writing(self, texts: Sequence[str]) -> list[Vector | None]:
        """What is stored with these texts; None: it waits for its vector."""
        if not (self._embedder.at_once and self.of_the_data):
            return [None] * len(texts)
        return list(await (self.embed(texts) if len(texts) <= _CHUNK else self.embed_many(texts)))

    async def for_query(self, text: str) -> tuple[Vector | None, Sequence[str]]:
        """The vector to search by, or None with the reasons, each a sentence, why there is none."""
        reasons = []
        if not self.of_the_data:
            reasons.append(OTHER_SPACE.format(data=self._store.space, configured=self._embedder.name))
        if self.missing is not None:
            reasons.append(BY_WORDS.format(reason=self.missing))
        if reasons:
            return None, reasons
        if self._asked is None:
            [vector] = await self.embed([text])
            return vector, ()
        if self._store.spaces.current.dimension == 0:  # nothing has a vector yet, and the queue knows why
            because = self._waits_because
            return None, () if because is None else [BY_WORDS.format(reason=because)]
        try:
            return await self._asked.queries.vector(text), ()
        except EmbeddingError as error:
            return None, [BY_WORDS.format(reason=str(error).rstrip("."))]

    def answered(self) -> None:
        """What was stored does get its vectors."""
        self._waits_because = None

    def failed(self, error: EmbeddingError) -> None:
        """What was stored has to wait for its vectors; searches need not wait either to find that out."""
        self._waits_because = str(error).rstrip(".")
        if self._asked is not None and not isinstance(error, TextRefusedError):
            self._asked.answers.failed(error)

    def forget(self) -> None:
        """What was asked lately: somebody is erased."""
        if self._asked is not None:
            self._asked.queries.forget()
        self._embedder.forget()


class _Asked:
    """What searches need where the embedding has to be asked for."""

    def __init__(self, embedder: AskedEmbedder) -> None:
        self.embedder, self.answers = embedder, Answering(embedder)
        self.queries = Queries(embedder, self.answers)
