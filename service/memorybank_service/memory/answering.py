"""Whether a provider answers: noticed where it is asked, and found out in the background where it did not.

No search waits to find it out. Once a call has failed or taken too long, searches go by words at once, and the provider
is asked something short, after growing pauses, until it answers in time again.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from memorybank_service.embedding import AskedEmbedder, EmbeddingError

log = logging.getLogger(__name__)
QUERY_SECONDS = 0.5
"""How long a search waits for a provider: most answers take 0.1 to 0.3 s, and later ones come too late for it."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 30.0
_WELL_AGAIN = 4  # times the last pause without trouble: before that, the next pause is longer still

STARTING = "the process that asks the embedding provider is being started"
TOO_SLOW = "the embedding provider did not answer in time"


class Answering:
    def __init__(self, embedder: AskedEmbedder, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._embedder, self._monotonic = embedder, monotonic
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedding-probe")
        self._trouble: str | None = STARTING
        self._slow = False  # it does answer, too late
        self._due, self._pause = 0.0, FIRST_PAUSE_SECONDS  # of the next probe, and the pause after it
        self._well_since = 0.0
        self._moved = asyncio.Event()  # when it is due
        self._probing: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def trouble(self) -> str | None:
        """Why a search has to do without, as a part of a sentence; None: the provider can be asked."""
        if self._trouble is None and not self._embedder.running:  # it ends when nobody has needed it for long
            self._trouble = STARTING
            self._move(0.0)
        if self._trouble is not None:
            self.find_out()
        return self._trouble

    def find_out(self) -> None:
        """In the background; starts what it takes to ask."""
        if not self._stopped and (self._probing is None or self._probing.done()):
            self._probing = asyncio.create_task(self._probe_on(), name="embedding-probe")

    def answered_in_time(self) -> None:
        if self._trouble not in (None, STARTING):
            log.info("the embedding provider answers again")
        if self._trouble is not None:
            self._well_since = self._monotonic()
        self._trouble, self._slow = None, False

    def answered(self) -> None:
        """Something that no search waited for: it tells nothing of how long a query takes."""
        if self._slow:
            self._move(self._monotonic())
        else:
            self.answered_in_time()

    def failed(self, error: EmbeddingError) -> None:
        self._note(str(error).rstrip("."), slow=False)
        asked = LONGEST_PAUSE_SECONDS if not error.retryable else min(LONGEST_PAUSE_SECONDS, error.retry_after or 0.0)
        self._move(max(self._due, self._monotonic() + asked))

    def too_slow(self) -> None:
        self._note(TOO_SLOW, slow=True)

    async def stop(self) -> None:
        self._stopped = True
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    def close(self) -> None:
        """Once it is stopped; blocks."""
        self._thread.shutdown()

    def _note(self, trouble: str, *, slow: bool) -> None:
        if trouble != self._trouble:
            log.warning("queries are not embedded for now", extra={"error": trouble})
        if self._trouble is None:
            now = self._monotonic()
            # One that is well only when nobody searches must not hold up a search each time.
            if now - self._well_since > _WELL_AGAIN * self._pause:
                self._pause = FIRST_PAUSE_SECONDS
            self._move(now + self._pause)
        self._trouble, self._slow = trouble, slow
        self.find_out()

    def _move(self, due: float) -> None:
        self._due = due
        self._moved.set()

    async def _probe_on(self) -> None:
        while self._trouble is not None:
            self._moved.clear()
            if (left := self._due - self._monotonic()) > 0:
                await _woken(self._moved, left)
                continue
            spread = self._pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret is made of it
            self._due, self._pause = self._monotonic() + spread, min(LONGEST_PAUSE_SECONDS, 2 * self._pause)
            try:
                seconds = await asyncio.get_running_loop().run_in_executor(self._thread, self._embedder.probe)
            except EmbeddingError as error:
                self.failed(error)
            else:
                if seconds <= QUERY_SECONDS:
                    self.answered_in_time()
                else:
                    self.too_slow()


async def _woken(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
