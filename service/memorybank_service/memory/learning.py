"""Facts drawn from what was said, in the background: the words are stored before, whatever becomes of the model.

What a model proposes is committed together with the end of its job, so a job that is broken off and runs again adds
nothing twice. Between asking and committing people go on: where what was read is deleted or changed meanwhile, nothing
is made of it, and the model is asked again about what is left.
"""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memorybank_service.embedding.texts import embedded_text
from memorybank_service.llm import LanguageModel
from memorybank_service.memory.asking import ATTEMPTS, Patience
from memorybank_service.memory.conversation import ASSISTANT, Utterance, new_words, portions
from memorybank_service.memory.extraction import KNOWN_FACTS, RECALLED_TEXTS, Extraction, KnownFact, extract
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import Jobs, Under
from memorybank_service.memory.keeping import EXTRACT
from memorybank_service.memory.recalling import Recalling, Search
from memorybank_service.memory.retention import MemoryState
from memorybank_service.store import Along, Basis, Job, JobEnd, Memory, NewJob, NewMemory, Scope
from memorybank_service.store.filters import And, Compare
from memorybank_service.store.tombstones import digest_of

SERVICE = "service"
"""Who acts, in the history of memories."""
MOST_SAID = 50
"""Memories that are read for one answer of the model."""
_MOST_JOBS = 20
_BEFORE = 6
"""Turns before them, so that "yes" and "the second one" can be understood."""
_RELATED = 5
"""Facts that are looked for by each thing said."""
_KNOWN: frozenset[MemoryState] = frozenset({"active", "faded"})
_NAMESPACE = uuid.UUID("5d0f1c1e-6f0b-4f0e-9d53-0a2f7d3f8a61")


@dataclass(frozen=True)
class _Batch:
    """What is read at once: new words of one conversation."""

    said: Sequence[Memory]
    before: Sequence[Memory]
    rest: Sequence[str]
    """Ids of what is more than one prompt can hold."""
    together: Sequence[str]
    """Other jobs whose words are among them."""
    deleted: set[bytes]


class Learning:
    def __init__(
        self, footing: Footing, recall: Recalling, jobs: Jobs, model: LanguageModel, patience: Patience, lane: str
    ) -> None:
        """`model` keeps to the day's budget and counts its tokens itself: no job counts them once more."""
        self._on, self._recall, self._model, self._patience = footing, recall, model, patience
        jobs.register(EXTRACT, lane, self._work, ATTEMPTS)

    async def _work(self, under: Under) -> None:
        """Of an `extract` job; its argument is `memory_ids`."""
        await self._patience.ask(under.job, lambda: self._learn(under.job))

    async def _learn(self, job: Job) -> None:
        batch = await self._on.read(self._gather, job)
        facts: list[NewMemory] = []
        result: dict[str, object] = {}
        if batch.said:
            known = await self._related(batch.said)
            talk, before = _utterances(batch.said), _utterances(batch.before)
            recalled = await self._recalled(batch.said)
            extraction = await extract(self._model, talk, known, batch.deleted, before=before, recalled=recalled)
            facts = await self._facts(job.id, extraction, batch.said)
            result = {"model": extraction.model, "dropped": extraction.dropped}
        ids = [fact.id for fact in facts]
        along = Along(
            jobs=[NewJob(EXTRACT, {"memory_ids": batch.rest}, job.user_id)] if batch.rest else [],
            ends=JobEnd(job.id, {"fact_ids": ids, **result}, together=batch.together),
            basis=Basis(
                job.user_id or "",
                {one.id: one.updated_at for one in (*batch.before, *batch.said)},
                unburied={digest_of(fact.content) for fact in facts},
            ),
            actor=SERVICE,
        )
        await asyncio.wrap_future(self._on.store.add(facts, along))

    def _gather(self, job: Job) -> _Batch:
        """Blocks."""
        said, together = self._found(job), list[str]()
        if said and job.attempts <= 1:  # after a failure each by itself: one of them may be the cause
            for other in self._on.store.waiting_jobs(EXTRACT, job.user_id or "", self._on.now(), _MOST_JOBS):
                more = self._found(other)
                one_talk = len({_conversation(one) for one in (said[0], *more)}) == 1
                if one_talk and len(said) + len(more) <= MOST_SAID:
                    said += more
                    together.append(other.id)
        words = list(portions(new_words(_utterances(said))))
        chosen = {one.id for one in words[0]} if words else set()
        read = [one for one in said if one.id in chosen]
        last = max(read, key=lambda one: one.seq, default=None)
        people = self._on.store.people
        return _Batch(
            said=read,
            before=[] if last is None else people.said_before(last, chosen, _BEFORE),
            rest=[one.id for portion in words[1:] for one in portion],
            together=together,
            deleted=self._on.store.tombstones(job.user_id or ""),
        )

    def _found(self, job: Job) -> list[Memory]:
        """Of what a job is about that which is still there, in its order; what has expired is not learned from."""
        ids = job.arguments.get("memory_ids")
        found = [self._on.store.find(str(one)) for one in ids] if isinstance(ids, list) else []
        now = self._on.now()
        return [
            one
            for one in found
            if one is not None
            and one.user_id == (job.user_id or "")
            and (one.expires_at is None or one.expires_at > now)
        ]

    async def _related(self, said: Sequence[Memory]) -> list[KnownFact]:
        """The nearest to each thing said first, then the second nearest, and so on."""
        agent_id = said[0].agent_id
        agent = Compare("agent_id", "eq", agent_id) if agent_id else Compare("agent_id", "exists", False)
        facts_of_agent = And([Compare("kind", "eq", "fact"), agent])
        found = [
            (
                await self._recall.search(
                    Search(one.content, Scope(one.user_id), _RELATED, facts_of_agent, states=_KNOWN)
                )
            ).recollections
            for one in said
        ]
        facts: dict[str, KnownFact] = {}
        for place in range(_RELATED):
            for memory in (near[place].memory for near in found if place < len(near)):
                facts.setdefault(memory.id, KnownFact(memory.id, memory.content))
        return list(facts.values())[: 2 * KNOWN_FACTS]

    async def _recalled(self, said: Sequence[Memory]) -> list[str]:
        """What the assistant may have been reminded of before it spoke: it is found by what it said."""
        own = {one.id for one in said}
        texts: dict[str, None] = {}
        for one in said:
            if one.speaker == ASSISTANT:
                search = Search(one.content, Scope(one.user_id), _RELATED + len(own), states=_KNOWN)
                found = (await self._recall.search(search)).recollections
                earlier = [near.memory for near in found if near.memory.stored_at <= one.stored_at]
                texts |= dict.fromkeys(memory.content for memory in earlier if memory.id not in own)
        return list(texts)[:RECALLED_TEXTS]

    async def _facts(self, job_id: str, extraction: Extraction, said: Sequence[Memory]) -> list[NewMemory]:
        """With ids that follow from the job, so that no fact of it can ever be there twice."""
        first, now = said[0], self._on.now()
        expiring = {one.id: one.expires_at for one in said if one.expires_at is not None}
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
                # It does not outlive what it was made of.
                expires_at=min((expiring[one] for one in fact.source_ids if one in expiring), default=None),
                kind="fact",
                sources=fact.source_ids,
                supersedes=() if fact.supersedes is None else (fact.supersedes,),
            )
            for ordinal, (fact, vector) in enumerate(zip(extraction.facts, vectors, strict=True))
        ]


def _conversation(memory: Memory) -> tuple[str, str | None, str | None]:
    return memory.user_id, memory.agent_id, memory.run_id


def _utterances(memories: Iterable[Memory]) -> list[Utterance]:
    return [Utterance(one.id, one.content, one.created_at, one.speaker) for one in memories]
