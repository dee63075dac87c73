"""The handlers: each call becomes a task of one event loop, and its thread waits for the task.

A stream is one task and many calls: it gathers its pieces, and whoever reads it asks for those that have come.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from memorybank_service.llm.calls import ChatCall, EmbedCall, Embedded, Failure, Pieces, RelayCall, Said
from memorybank_service.llm.child import providers, relaying

T = TypeVar("T")
_FORGET_SECONDS = 60.0
"""After which a finished stream that nobody has read to its end is dropped."""


class _Stream:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.end: Said | Failure | None = None
        self.news = asyncio.Event()

    def take(self, piece: str) -> None:
        self.pieces.append(piece)
        self.news.set()

    async def next(self) -> Pieces:
        await self.news.wait()
        self.news.clear()
        pieces, self.pieces = tuple(self.pieces), []
        return Pieces(pieces, self.end)


class Asking:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._streams: dict[str, _Stream] = {}
        threading.Thread(target=self._loop.run_forever, name="asking", daemon=True).start()

    def prepare(self) -> None:
        """Whatever takes its time before the first call."""
        providers.load_litellm()

    def complete(self, ticket: str, call: ChatCall) -> Said | Failure:
        """`ticket` is what the caller would cancel it by."""
        return self._wait(ticket, providers.complete(providers.load_litellm(), call))

    def embed(self, ticket: str, call: EmbedCall) -> Embedded | Failure:
        return self._wait(ticket, providers.embed(providers.load_litellm(), call))

    def relay(self, ticket: str, call: RelayCall) -> Said | Failure:
        return self._wait(ticket, relaying.complete(providers.load_litellm(), call))

    def open_stream(self, ticket: str, call: ChatCall | RelayCall) -> None:
        litellm = providers.load_litellm()

        async def begin() -> None:
            stream = self._streams[ticket] = _Stream()
            task = self._tasks[ticket] = asyncio.create_task(self._run(ticket, stream, litellm, call))
            task.add_done_callback(lambda _: self._tasks.pop(ticket, None))

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result()

    def next_pieces(self, ticket: str) -> Pieces:
        """Waits until there are some, or the end."""
        return asyncio.run_coroutine_threadsafe(self._next(ticket), self._loop).result()

    def cancel(self, ticket: str) -> None:
        """Breaks off what is under way; nothing where it has ended already."""
        self._loop.call_soon_threadsafe(self._cancel, ticket)

    def _wait(self, ticket: str, work: Coroutine[Any, Any, T]) -> T | Failure:
        async def run() -> T:
            task = asyncio.create_task(work)
            self._tasks[ticket] = task
            try:
                return await task
            finally:
                self._tasks.pop(ticket, None)

        try:
            return asyncio.run_coroutine_threadsafe(run(), self._loop).result()
        except CancelledError:
            return Failure("cancelled")

    async def _run(self, ticket: str, stream: _Stream, litellm: Any, call: ChatCall | RelayCall) -> None:
        try:
            if isinstance(call, RelayCall):
                stream.end = await relaying.stream(litellm, call, stream.take)
            else:
                stream.end = await providers.stream(litellm, call, stream.take)
        except asyncio.CancelledError:
            stream.end = Failure("cancelled")
            raise
        finally:
            stream.news.set()
            self._loop.call_later(_FORGET_SECONDS, self._streams.pop, ticket, None)

    async def _next(self, ticket: str) -> Pieces:
        stream = self._streams.get(ticket)
        if stream is None:
            return Pieces((), Failure("cancelled"))
        pieces = await stream.next()
        if pieces.end is not None:
            self._streams.pop(ticket, None)
        return pieces

    def _cancel(self, ticket: str) -> None:
        if (task := self._tasks.get(ticket)) is not None:
            task.cancel()
        self._streams.pop(ticket, None)
