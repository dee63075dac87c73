"""Summaries of finished days, and of these the whole and the portrait, made in the background.

A day is read again where something was said, changed or deleted of it since. Without a language model nothing is due.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from memorybank_service.llm import LanguageModel
from memorybank_service.llm.errors import ProviderError
from memorybank_service.memory.conversation import Utterance, day_of
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.jobs import JobError, Jobs, Under
from memorybank_service.memory.learning import job_error
from memorybank_service.memory.portrait import insight_of_day, portray
from memorybank_service.memory.summaries import Summary, summarise_all, summarise_day
from memorybank_service.store import JobEnd, KeptSummary, NewJob, SummaryKind

SUMMARISE = "summarise"
DAYS_AT_ONCE = 20
"""Of all users, each time that it is looked for what is due."""


@dataclass(frozen=True)
class Known:
    """What there is of a user."""

    days: Sequence[tuple[str, int]]
    """On which something was said, the latest first, with the number of memories."""
    made: Sequence[KeptSummary]

    def text(self, kind: SummaryKind, day: str = "") -> KeptSummary | None:
        return next((one for one in self.made if (one.kind, one.day) == (kind, day)), None)


class SummingUp:
    def __init__(self, footing: Footing, jobs: Jobs, model: LanguageModel | None, lane: str) -> None:
        self._on, self._jobs, self._model = footing, jobs, model
        if model is not None:
            jobs.register(SUMMARISE, lane, self._work)

    async def of(self, user_id: str) -> Known | None:
        """None where there is no memory of such a user."""
        summaries = self._on.store.summaries
        days, made = await self._on.read(lambda: (summaries.days(user_id), summaries.of(user_id)))
        return Known(days, made) if days else None

    def degraded(self) -> list[str]:
        """What keeps summaries from being made, each a sentence."""
        missing = "No language model is configured: no summaries and no portrait are made."
        return [] if self._model is not None else [missing]

    async def enqueue_due(self) -> str:
        """A job a user; a sentence about it."""
        today = day_of(self._on.now())
        due = await self._on.read(self._on.store.summaries.due, today, DAYS_AT_ONCE)
        users: dict[str, list[str]] = {}
        for user_id, day in due:
            users.setdefault(user_id, []).append(day)
        for user_id, days in users.items():
            await self._jobs.enqueue(NewJob(SUMMARISE, {"days": days}, user_id, key=f"{SUMMARISE} {user_id}"))
        return f"{len(due)} days of {len(users)} users to be summed up"

    async def _work(self, under: Under) -> None:
        job, user_id = under.job, under.job.user_id or ""
        days = job.arguments.get("days")
        made = await self._on.read(self._on.store.summaries.of, user_id)
        finished = {one.day for one in made if one.kind == "read" and one.made_at >= job.created_at}
        try:
            for day in days if isinstance(days, list) else []:
                if day not in finished:  # by an attempt before this one
                    await self._write(user_id, await self._of_day(user_id, day))
            made = await self._of_all(user_id)
        except ProviderError as error:
            raise job_error(error) from error
        await self._write(user_id, made, JobEnd(job.id, {"days": days}))

    async def _of_day(self, user_id: str, day: str) -> list[KeptSummary]:
        model, now = self._asked(), self._on.now()  # before reading: what comes meanwhile is newer
        said = await self._on.read(self._on.store.summaries.said_on, user_id, day)
        talk = [Utterance(one.id, one.content, one.created_at, one.speaker) for one in said]
        summary, insight = await summarise_day(model, day, talk), await insight_of_day(model, day, talk)
        read = KeptSummary("read", day, "", tuple(one.id for one in said), model.name, now)
        return [
            read,
            *([] if summary is None else [_kept("day", summary, now)]),
            *([] if insight is None else [_kept("insight", insight, now)]),
        ]

    async def _of_all(self, user_id: str) -> list[KeptSummary]:
        model, now = self._asked(), self._on.now()
        made = await self._on.read(self._on.store.summaries.of, user_id)
        whole = await summarise_all(model, [_summary(one) for one in made if one.kind == "day"])
        portrait = await portray(model, [_summary(one) for one in made if one.kind == "insight"])
        kept = [] if whole is None else [_kept("overall", whole, now)]
        if portrait is not None:
            sources = portrait.source_ids
            kept.append(KeptSummary("portrait", "", portrait.text, sources, model.name, now))
            kept.append(KeptSummary("strategy", "", portrait.strategy, sources, model.name, now))
        return kept

    async def _write(self, user_id: str, made: Sequence[KeptSummary], ends: JobEnd | None = None) -> None:
        await asyncio.wrap_future(self._on.store.summaries.write(user_id, made, ends, self._on.now()))

    def _asked(self) -> LanguageModel:
        if self._model is None:
            raise JobError("no language model is configured", retryable=False)
        return self._model


def _kept(kind: SummaryKind, made: Summary, now: float) -> KeptSummary:
    return KeptSummary(kind, made.day or "", made.text, made.source_ids, made.model, now)


def _summary(kept: KeptSummary) -> Summary:
    return Summary(kept.text, kept.sources, kept.model, 0, kept.day)
