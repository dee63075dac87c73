"""Following all objects of a kind: a list, and then whatever changes, for as long as it is wanted.

A watch goes on from where the last one ended; only where the API server no longer knows that place is everything listed
anew. What cannot be read, an error told in the stream, a connection that is cut or says nothing: each ends one watch,
of one kind, which is then begun again after a pause that grows with each failure.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from memorybank_operator.answers import ApiError, Transient, why
from memorybank_operator.cluster import Cluster
from memorybank_operator.kinds import Kind
from memorybank_operator.objects import Object
from memorybank_operator.watching import Event

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 10.0
SILENCE_SECONDS: Final = 70.0
"""An API server tells a bookmark every 60 s: a watch without is dead."""
WATCH_SECONDS: Final = (240, 480)
"""How long a watch may last: not all that were begun together end together."""
SHORT_SECONDS: Final = 5.0
"""A watch that ends sooner, without a word, is no watch."""
PAGE: Final = 100
"""Objects of a list's page: a few hundred kilobytes, whatever the number of tenants."""
GONE: Final = 410
"""The API server no longer knows what was before."""
TOO_LARGE: Final = "Too large resource version"
"""Or not yet: its store is another, as after a backup was restored."""


class WentBack(Exception):  # noqa: N818 (read as what has happened)
    """The cluster is of an earlier day: what is known of it is worth nothing any more."""


IsNews = Callable[[Kind, str, str, int], bool]
"""Whether this version of the object of this namespace and name is newer than what is known."""
Told = Callable[[Kind, str, Object], None]
"""An event: its type, and the object."""
Listed = Callable[[Kind, str | None, set[tuple[str, str]], int], None]
"""The end of a list: which objects (namespace, name) there are, and at which version."""


class Reflector:
    """Follows one kind in one namespace, or (None) in all of them."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str | None,
        labels: str,
        *,
        is_news: IsNews,
        told: Told,
        listed: Listed,
    ) -> None:
        self.complete = asyncio.Event()
        """Everything was listed once."""
        self.tried = asyncio.Event()
        """Or that has failed once."""
        self.told_at: float | None = None
        """When the API server last said anything."""
        self.kind = kind
        self._cluster = cluster
        self._namespace = namespace
        self._labels = labels
        self._is_news = is_news
        self._told = told
        self._listed = listed
        self._since = ""
        self._newest = 0
        self._failures = 0

    async def follow(self) -> None:
        """List and watch until cancelled."""
        while True:
            began, told_at = time.monotonic(), self.told_at
            try:
                if not self._since:
                    await self.list()
                await self._watch()
                if self.told_at != told_at or time.monotonic() - began >= SHORT_SECONDS:
                    continue
                trouble = "it ended at once, and told nothing"
            except (*Transient, msgspec.DecodeError) as error:
                self.tried.set()
                if isinstance(error, ApiError) and (error.status == GONE or TOO_LARGE in error.message):
                    self._since = ""
                trouble = why(error)
            seconds = pause(self._failures)
            self._failures += 1
            logger.warning(
                "the watch of %s ended, and goes on in %.1f s: %s",
                self.kind.plural,
                seconds,
                trouble,
                extra={"reason": "WatchEnded"},
            )
            await asyncio.sleep(seconds)

    async def list(self) -> None:
        """Take in all that is there; and what was known, and is not there, as gone."""
        found: set[tuple[str, str]] = set()
        token = ""
        while True:
            page = await self._cluster.page(self.kind, self._namespace, self._labels, limit=PAGE, token=token)
            for item in page.items:
                item.api_version, item.kind = self.kind.api_version, self.kind.kind  # a list's items do not say it
                found.add(item.name)
                if self._is_news(self.kind, *item.name, item.version):
                    self._told(self.kind, "ADDED", item)
            token = page.metadata.token
            if not token:
                break
        since = page.metadata.resourceVersion
        if int(since) < self._newest:
            raise WentBack(f"{self.kind.plural} are at version {since}, and were at {self._newest}: was etcd restored?")
        self._listed(self.kind, self._namespace, found, int(since))
        self._take_place(since)
        self.complete.set()
        self.tried.set()

    async def _watch(self) -> None:
        """Until the API server ends it."""
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 (no secret)
        watch = self._cluster.watch(
            self.kind, self._namespace, labels=self._labels, since=self._since, seconds=seconds, silence=SILENCE_SECONDS
        )
        async with contextlib.aclosing(watch) as events:
            async for event in events:
                self._take(event)
                self._failures = 0  # not after a list: who always has to list anew, is to do it ever more rarely

    def _take(self, event: Event) -> None:
        found = event.object
        if event.type != "BOOKMARK" and (
            event.type == "DELETED" or self._is_news(self.kind, *found.name, found.version)
        ):
            self._told(self.kind, event.type, found)
        self._take_place(found.metadata.resource_version)

    def _take_place(self, version: str) -> None:
        self._since, self._newest = version, int(version)
        self.told_at = time.monotonic()


def pause(attempt: int) -> float:
    """Seconds before the next attempt, the first being 0."""
    longest: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 16))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)


def age(reflectors: Iterable[Reflector]) -> float:
    """Seconds since the one that was silent for longest was told anything; -1: one of them never was."""
    moments = [reflector.told_at for reflector in reflectors]
    known = [moment for moment in moments if moment is not None]
    return time.monotonic() - min(known) if known and len(known) == len(moments) else -1.0
