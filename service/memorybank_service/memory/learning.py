"""Facts drawn from what was said, in the background: the words are stored before, whatever becomes of the model.

What a model proposes is committed together with the end of its job, so a job that is broken off and runs again adds
nothing twice. Between asking and committing people go on: what they delete meanwhile is not learned after all.
"""

import asyncio
import uuid
from collections.abc import Iterable, Sequence, Set

from memorybank_service.embedding.texts import embedded_text
from memorybank_service.llm import LanguageModel
from memorybank_service.llm.errors import ProviderError
from memorybank_service.memory.conversation import Utterance
from memorybank_service.memory.extraction import KNOWN_FACTS, Extraction, KnownFact, extract
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import JobError, Under
from memorybank_service.memory.recalling import Recalling, Search
from memorybank_service.store import Along, JobEnd, Memory, NewMemory, Scope
from memorybank_service.store.filters import Compare

SERVICE = "service"
"""Who acts, in the history of memories."""
_RELATED = 5
"""Facts that are looked for by each thing said."""
_FACTS = Compare("kind", "eq", "fact")
_NAMESPACE = uuid.UUID("5d0f1c1e-6f0b-4f0e-9d53-0a2f7d3f8a61")


class Learning:
    def __init__(self, footing: Footing, recall: Recalling, model: LanguageModel) -> None:
        """`model` keeps to the day's budget and counts its tokens itself: no job counts them once more."""
        self._on, self._recall, self._model = footing, recall, model

    async def learn(self, under: Under) -> None:
        """The work of an `extract` job; its argument is `memory_ids`."""
        job = under.job
        said = await self._on.read(self._found, _ids(job.arguments))
        facts: list[NewMemory] = []
        result: dict[str, object] = {}
        if said:
            extraction = await self._ask(said)
            facts = await self._facts(job.id, extraction, said)
            result = {"model": extraction.model, "dropped": extraction.dropped}
        ids = [fact.id for fact in facts]
        along = Along(ends=JobEnd(job.id, {"fact_ids": ids, **result}), actor=SERVICE)
        await asyncio.wrap_future(self._on.store.learn(facts, self._on.now(), along))

    async def _ask(self, said: Sequence[Memory]) -> Extraction:
        user = said[0].user_id
        known = await self._related(said, user)
        deleted: Set[bytes] = await self._on.read(self._on.store.tombstones, user)
        conversation = [Utterance(one.id, one.content, one.created_at, one.speaker) for one in said]
        try:
            return await extract(self._model, conversation, known, deleted)
        except ProviderError as error:
            raise job_error(error) from error

    async def _related(self, said: Sequence[Memory], user: str) -> list[KnownFact]:
        """The nearest to each thing said first, then the second nearest, and so on."""
        found = [
            (await self._recall.search(Search(one.content, Scope(user), _RELATED, _FACTS))).recollections
            for one in said
        ]
        facts: dict[str, KnownFact] = {}
        for place in range(_RELATED):
            for memory in (near[place].memory for near in found if place < len(near)):
                facts.setdefault(memory.id, KnownFact(memory.id, memory.content))
        return list(facts.values())[: 2 * KNOWN_FACTS]

    async def _facts(self, job_id: str, extraction: Extraction, said: Sequence[Memory]) -> list[NewMemory]:
        """With ids that follow from the job, so that no fact of it can ever be there twice."""
        first, now = said[0], self._on.now()
        vectors = await self._on.vectors.for_writing([embedded_text(fact.text, None) for fact in extraction.facts])
        return [
            NewMemory(
                id=str(uuid.uuid5(_NAMESPACE, f"{job_id}/{ordinal}")),
                content=fact.text,
                created_at=fact.said_at,
                stored_at=now,
                user_id=first.user_id,
                agent_id=first.agent_id,
                run_id=first.run_id,
                metadata={"category": fact.category},
                vector=vector,
                importance=fact.importance,
                kind="fact",
                sources=fact.source_ids,
                supersedes=() if fact.supersedes is None else (fact.supersedes,),
            )
            for ordinal, (fact, vector) in enumerate(zip(extraction.facts, vectors, strict=True))
        ]

    def _found(self, ids: Iterable[str]) -> list[Memory]:
        """Those that are still there, in their order."""
        return [memory for one in ids if (memory := self._on.store.find(one)) is not None]


def job_error(error: ProviderError) -> JobError:
    return JobError(str(error), retryable=error.retryable, retry_after=error.retry_after)


def _ids(arguments: dict[str, object]) -> list[str]:
    ids = arguments.get("memory_ids", [])
    return [str(one) for one in ids] if isinstance(ids, list) else []
