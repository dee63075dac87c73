"""What is known of a user beside memories: what a model made of their days, and what they talked about when."""

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from memorybank_service.store.records import OF_ALL_DAYS, Along, KeptSummary, Memory, NewJob, SummaryKind

SUMMARISE = "summarise"
"""The kind of job that sums up a day."""


@dataclass(frozen=True)
class Due:
    """A day, or the user as a whole (`OF_ALL_DAYS`), of which what was made is missing or out of date."""

    user_id: str
    day: str


@dataclass(frozen=True)
class Day:
    day: str
    turns: int
    facts: int


@dataclass(frozen=True)
class Acquaintance:
    """Since when a user is known, and by how much."""

    turns: int
    facts: int
    first_at: float
    """When the first of it was said."""
    last_at: float


class People(Protocol):
    def write(
        self,
        user_id: str,
        made: Sequence[KeptSummary],
        now: float,
        along: Along,
        none: Collection[tuple[SummaryKind, str]] = (),
    ) -> Future[None]:
        """Each takes the place of the one of its kind and day. `none`: of these kinds and days there is nothing."""
        ...

    def summary(self, user_id: str, kind: SummaryKind, day: str = OF_ALL_DAYS) -> KeptSummary | None: ...

    def summaries(
        self, user_id: str, kind: SummaryKind, first: str, last: str, limit: int | None = None
    ) -> list[KeptSummary]:
        """Of the days from the first to the last, the latest first."""
        ...

    def due(self, today: str, since: float, limit: int) -> list[Due]:
        """Days before `today`, the latest first, and users all of whose days are done, or who were due by `since`."""
        ...

    def due_of(self, user_id: str, limit: int) -> list[Due]:
        """Of one user, the day that is not over yet too."""
        ...

    def hand_over(self, due: Sequence[Due], jobs: Sequence[NewJob], now: float) -> Future[list[str]]:
        """They are not due any more: these jobs are to do them. The ids of the jobs, without users who are gone."""
        ...

    def given_up(self, user_id: str) -> int:
        """How many jobs about the user were tried as often as they may be."""
        ...

    def acquaintance(self, user_id: str) -> Acquaintance | None:
        """None: there are no memories of that user."""
        ...

    def days(self, user_id: str, first: str, last: str, limit: int | None = None) -> list[Day]:
        """On which something was said, from the first to the last, the latest first."""
        ...

    def turns_of_day(self, user_id: str, day: str, limit: int) -> list[Memory]:
        """In the order in which they were said, without those that expire: what is made of them would outlive them."""
        ...

    def facts_of_day(self, user_id: str, day: str, limit: int) -> list[Memory]:
        """That hold still, the most important first."""
        ...

    def said_before(self, memory: Memory, without: Collection[str], limit: int) -> list[Memory]:
        """The latest turns of the same run up to that memory, in their order; none where it belongs to no run."""
        ...
