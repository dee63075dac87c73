"""Summaries of finished days, and of these the whole and the portrait, made in the background.

A day is due again where something was said, changed or deleted of it since; a user, where one of their days was summed
up anew. Each is a job of its own. What a job has got from a model is kept as soon as it is there, and not asked for
again when the rest of the job fails. The whole and the portrait are carried on: they are made of what they were and of
what is new, so that a year is not read again every night.
"""

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product

from memorybank_service.clock import SECONDS_PER_DAY
from memorybank_service.llm import LanguageModel
from memorybank_service.llm.tokens import estimate_tokens
from memorybank_service.memory.asking import ATTEMPTS, Patience
from memorybank_service.memory.conversation import Utterance
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.importing import KIND as IMPORT
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.memory.portrait import insight_of_day, portray
from memorybank_service.memory.summaries import WHOLE_TOKENS, Summary, summarise_all, summarise_day
from memorybank_service.store import (
    Along,
    Basis,
    Job,
    JobEnd,
    JobState,
    KeptSummary,
    Memory,
    NewJob,
    SummaryKind,
)
from memorybank_service.store.days import FIRST, LAST, day_of
from memorybank_service.store.people import SUMMARISE, Due
from memorybank_service.store.records import OF_ALL_DAYS

PORTRAY = "portray"
DUE_AT_ONCE = 5
"""Handed over when none of the last ones waits any more: facts do not wait behind a year of summaries."""
_WAITED_FOR: Sequence[str] = (SUMMARISE, PORTRAY, IMPORT)
_UNENDED: Sequence[JobState] = ("queued", "running")
_REFRESHED_AT_ONCE = 50
_PATIENCE_SECONDS = SECONDS_PER_DAY
"""How long a user waits for the rest of their days before a portrait is made of those that there are."""
_MOST_TURNS = 2_000
"""Of one day."""


@dataclass(frozen=True)
class _Wholes:
    """What there is of all days, and the days that are not in it yet."""

    before: KeptSummary | None
    new: Sequence[KeptSummary]
    rest: bool
    """There are more of them than are read at once."""

    @property
    def days(self) -> tuple[str, ...]:
        known = () if self.before is None else self.before.sources
        return tuple(sorted({*known, *(one.day for one in self.new)}))

    @property
    def read(self) -> list[Summary]:
        """In the form in which a model gets to read them, the oldest first."""
        parts = [Summary(one.text, (), one.model, 0, one.day) for one in self.new]
        if self.before is not None:
            span = f"{min(self.before.sources)} – {max(self.before.sources)}"
            parts.insert(0, Summary(self.before.text, (), self.before.model, 0, span))
        return parts


class SummingUp:
    def __init__(
        self,
        footing: Footing,
        jobs: Jobs,
        model: LanguageModel | None,
        patience: Patience,
        lane: str,
        missing: str | None = None,
    ) -> None:
        """`missing`: why there is no model, a sentence without its full stop."""
        self._on, self._jobs, self._model, self._patience = footing, jobs, model, patience
        self.missing = missing
        if model is not None:
            jobs.register(SUMMARISE, lane, self._sum_up, ATTEMPTS)
            jobs.register(PORTRAY, lane, self._portray, ATTEMPTS)

    @property
    def possible(self) -> bool:
        return self._model is not None

    async def enqueue_due(self) -> str:
        """What is due becomes jobs, unless the last of them still wait, or an import, which may bring what is due.

        A sentence about it.
        """
        people, now = self._on.store.people, self._on.now()
        counts = await self._on.read(self._on.store.count_jobs)
        due: Sequence[Due] = ()
        if not any(counts.get(waiting, 0) for waiting in product(_WAITED_FOR, _UNENDED)):
            due = await self._on.read(people.due, day_of(now), now - _PATIENCE_SECONDS, DUE_AT_ONCE)
        if due:
            await asyncio.wrap_future(people.hand_over(due, [_job(entry) for entry in due], now))
            self._jobs.notice()
        days = sum(entry.day != OF_ALL_DAYS for entry in due)
        return f"{days} days and {len(due) - days} portraits to be made"

    async def refresh(self, user_id: str) -> Job | None:
        """Now, with the day that is not over yet: the job that ends it. None without a model, or without the user."""
        if self._model is None:
            return None
        people = self._on.store.people
        due = await self._on.read(people.due_of, user_id, _REFRESHED_AT_ONCE)
        due = [*due, Due(user_id, OF_ALL_DAYS)]  # the last to become a job, and so to be done
        ids = await asyncio.wrap_future(people.hand_over(due, [_job(entry) for entry in due], self._on.now()))
        self._jobs.notice()
        return await self._jobs.get(ids[-1]) if ids else None

    async def _sum_up(self, under: Under) -> None:
        """The work of a `summarise` job; its argument is the `day`."""
        await self._patience.ask(under.job, lambda: self._of_day(under.job))
        await self.enqueue_due()

    async def _portray(self, under: Under) -> None:
        """The work of a `portray` job."""
        await self._patience.ask(under.job, lambda: self._of_all(under.job))
        await self.enqueue_due()

    async def _of_day(self, job: Job) -> None:
        user_id, day = job.user_id or "", str(job.arguments["day"])
        said = await self._on.read(self._on.store.people.turns_of_day, user_id, day, _MOST_TURNS)
        if not await self._is_kept("day", user_id, day, said, job):
            summary = await summarise_day(self._asked(), day, _talk(said)) if said else None
            await self._write("day", user_id, day, said, summary)
        insight = await insight_of_day(self._asked(), day, _talk(said)) if said else None
        await self._write("insight", user_id, day, said, insight, JobEnd(job.id, {"day": day, "turns": len(said)}))

    async def _of_all(self, job: Job) -> None:
        user_id = job.user_id or ""
        overall = await self._on.read(self._wholes, user_id, "overall", "day")
        if overall.new and (whole := await summarise_all(self._asked(), overall.read)) is not None:
            made = self._kept("overall", overall.days, whole.text)
            await self._commit(user_id, [made], Along(basis=_basis(user_id, overall, "overall", "day")))
        portrait = await self._on.read(self._wholes, user_id, "portrait", "insight")
        both: list[KeptSummary] = []
        if portrait.new and (drawn := await portray(self._asked(), portrait.read)) is not None:
            both.append(self._kept("portrait", portrait.days, drawn.text))
            both.append(self._kept("strategy", portrait.days, drawn.strategy))
        along = Along(
            jobs=[_job(Due(user_id, OF_ALL_DAYS))] if overall.rest or portrait.rest else [],
            ends=JobEnd(job.id, {"days": len({*overall.days, *portrait.days})}),
            basis=_basis(user_id, portrait, "portrait", "insight"),
        )
        await self._commit(user_id, both, along)

    async def _is_kept(self, kind: SummaryKind, user_id: str, day: str, said: Sequence[Memory], job: Job) -> bool:
        """Whether an attempt of this job before this one has made it, of the same words."""
        kept = await self._on.read(self._on.store.people.summary, user_id, kind, day)
        if kept is None or kept.made_at < max([job.created_at, *(one.updated_at for one in said)]):
            return False
        return job.attempts > 1 and set(kept.sources) <= {one.id for one in said}

    async def _write(
        self,
        kind: SummaryKind,
        user_id: str,
        day: str,
        said: Sequence[Memory],
        summary: Summary | None,
        ends: JobEnd | None = None,
    ) -> None:
        basis = Basis(user_id, {one.id: one.updated_at for one in said})
        made = [] if summary is None else [self._kept(kind, summary.source_ids, summary.text, day)]
        none: list[tuple[SummaryKind, str]] = [(kind, day)] if summary is None else []
        await self._commit(user_id, made, Along(ends=ends, basis=basis), none)

    async def _commit(
        self,
        user_id: str,
        made: Sequence[KeptSummary],
        along: Along,
        none: Collection[tuple[SummaryKind, str]] = (),
    ) -> None:
        await asyncio.wrap_future(self._on.store.people.write(user_id, made, self._on.now(), along, none))

    def _wholes(self, user_id: str, kind: SummaryKind, of: SummaryKind) -> _Wholes:
        people = self._on.store.people
        before = people.summary(user_id, kind)
        days = people.summaries(user_id, of, FIRST, LAST)[::-1]
        new = [one for one in days if before is None or one.day not in before.sources or one.made_at > before.made_at]
        read, tokens = list[KeptSummary](), 0
        for one in new:
            tokens += estimate_tokens(one.text)
            if read and tokens > WHOLE_TOKENS:
                break
            read.append(one)
        return _Wholes(before, read, len(read) < len(new))

    def _kept(self, kind: SummaryKind, sources: tuple[str, ...], text: str, day: str = OF_ALL_DAYS) -> KeptSummary:
        return KeptSummary(kind, day, text, sources, self._asked().name, self._on.now())

    def _asked(self) -> LanguageModel:
        if self._model is None:
            raise JobError("no language model is configured", retryable=False)
        return self._model


def _job(due: Due) -> NewJob:
    """Of two that wait and would do the same only one is kept."""
    if due.day == OF_ALL_DAYS:
        return NewJob(PORTRAY, user_id=due.user_id, key=json.dumps([PORTRAY, due.user_id]))
    return NewJob(SUMMARISE, {"day": due.day}, due.user_id, key=json.dumps([SUMMARISE, due.user_id, due.day]))


def _talk(said: Sequence[Memory]) -> list[Utterance]:
    return [Utterance(one.id, one.content, one.created_at, one.speaker) for one in said]


def _basis(user_id: str, read: _Wholes, kind: SummaryKind, of: SummaryKind) -> Basis:
    made: dict[tuple[str, str], float] = {(of, one.day): one.made_at for one in read.new}
    if read.before is not None:
        made[kind, OF_ALL_DAYS] = read.before.made_at
    return Basis(user_id, summaries=made)
