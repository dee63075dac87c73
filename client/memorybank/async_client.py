"""The asynchronous client: how one step is done here, and the list of its methods, which is the synchronous one's."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from memorybank.attempts import attempts
from memorybank.base import DEFAULT_RETRIES, DEFAULT_TIMEOUT, DEFAULT_WAIT, BaseClient, Method, method
from memorybank.call import Asked, Call, Exchange, Pause, Step
from memorybank.endpoints import (
    adding,
    any_route,
    finding,
    forgetting,
    legacy,
    memories,
    people,
    transfer,
    upkeep,
    work,
)
from memorybank.errors import MemoryBankError
from memorybank.shapes import Copy, LineReader, Pages, Stream

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
T = TypeVar("T")


def answered(build: Callable[P, Asked[T]]) -> Method[P, Coroutine[Any, Any, T]]:
    return cast("Method[P, Coroutine[Any, Any, T]]", method(build, "_follow", "Coroutine[Any, Any, {}]"))


def listed(build: Callable[P, Pages[T]]) -> Method[P, AsyncGenerator[T, None]]:
    return cast("Method[P, AsyncGenerator[T, None]]", method(build, "_pages", "AsyncGenerator[{}, None]"))


def streamed(build: Callable[P, Stream]) -> Method[P, AsyncGenerator[dict[str, Any], None]]:
    return cast("Method[P, AsyncGenerator[dict[str, Any], None]]", method(build, "_lines", "AsyncGenerator[{}, None]"))


def copied(build: Callable[P, Copy]) -> Method[P, Coroutine[Any, Any, int]]:
    return cast("Method[P, Coroutine[Any, Any, int]]", method(build, "_copy", "Coroutine[Any, Any, int]"))


class AsyncMemoryBankClient(BaseClient):
    """`MemoryBankClient` for asyncio: the same arguments and methods, to be awaited or iterated `async for`.

    It belongs to the event loop in which it is first used. `http_client` is an `httpx.AsyncClient`, and `sleep` returns
    something to be awaited.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        max_wait: float = DEFAULT_WAIT,
        http_client: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(base_url, api_key, timeout, max_retries, max_wait)
        import asyncio

        from memorybank import network

        self._pool, self._pieces = network.AsyncPool(self._address, http_client), network.pieces_async
        self._sleep, self._in_thread, self._clock = sleep or asyncio.sleep, asyncio.to_thread, clock

    # The names that MemoryBank's users know.
    store_memory = answered(legacy.store_memory)
    retrieve_memories = answered(legacy.retrieve_memories)
    forget_memory = answered(legacy.forget_memory)
    chat = answered(legacy.chat)
    get_memory_stats = answered(legacy.get_memory_stats)
    get_scheduler_status = answered(legacy.get_scheduler_status)
    run_forgetting_curve = answered(legacy.run_forgetting_curve)
    health_check = answered(legacy.health_check)

    # Memories, one by one and many.
    add = answered(adding.add)
    add_messages = answered(adding.add_messages)
    add_batch = answered(adding.add_batch)
    get = answered(memories.get)
    list = listed(memories.list_memories)
    list_page = answered(memories.list_page)
    update = answered(memories.update)
    delete = answered(memories.delete)
    history = answered(memories.history)
    restore = answered(memories.restore)
    pin = answered(memories.pin)
    unpin = answered(memories.unpin)

    # Finding.
    search = answered(finding.search)
    context = answered(finding.context)

    # Forgetting, users, care of the data, work in the background.
    forgetting_run = answered(forgetting.forgetting_run)
    forgetting_preview = listed(forgetting.forgetting_preview)
    users = listed(people.users)
    profile = answered(people.profile)
    refresh_profile = answered(people.refresh_profile)
    summaries = answered(people.summaries)
    timeline = answered(people.timeline)
    backup = answered(upkeep.backup)
    backups = answered(upkeep.backups)
    fetch_backup = copied(upkeep.fetch_backup)
    delete_backup = answered(upkeep.delete_backup)
    erase_user = answered(upkeep.erase_user)
    erasures = answered(upkeep.erasures)
    erase_again = answered(upkeep.erase_again)
    maintenance = answered(upkeep.maintenance)
    reembed = answered(upkeep.reembed)
    jobs = listed(work.jobs)
    job = answered(work.job)
    wait_for_job = answered(work.wait_for_job)
    retry_job = answered(work.retry_job)
    cancel_job = answered(work.cancel_job)

    # Everything out, and in.
    export = streamed(transfer.export)
    import_ = answered(transfer.import_)
    export_to = copied(transfer.export_to)

    request = answered(any_route.request)

    async def _follow(self, asked: Asked[T]) -> T:
        """Does the steps of a call or of a longer piece of work, and returns what it comes to."""
        steps = iter(asked)
        try:
            step = next(steps)
            while True:
                try:
                    reply = await self._do(step)
                except MemoryBankError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(reply)
        except StopIteration as end:
            return cast("T", end.value)

    async def _pages(self, pages: Pages[T]) -> AsyncGenerator[T, None]:
        """The entries of a list, each page fetched when the one before it has been read."""
        cursor: str | None = None
        while True:
            page = await self._follow(pages.page(cursor))
            for entry in page.results:
                yield entry
            if (cursor := page.next_cursor) is None:
                return

    async def _lines(self, stream: Stream) -> AsyncGenerator[dict[str, Any], None]:
        """The records of a stream, as they come. To leave one early, take it in `contextlib.aclosing`."""
        reader = LineReader()
        async with aclosing(self._stream(stream)) as pieces:
            async for piece in pieces:
                for record in reader.feed(piece):
                    yield record
        for record in reader.end():
            yield record

    async def _copy(self, copy: Copy) -> int:
        """A stream into a file; how many bytes it has."""
        count = 0
        async with aclosing(self._stream(copy.stream)) as pieces:
            async for piece in pieces:
                count += await self._in_thread(copy.file.write, piece)
        return count

    async def _stream(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        """Its bytes, as they come."""
        answer = await self._follow(stream.call)
        watch = stream.watch(answer)
        async with aclosing(self._pieces(answer)) as pieces:
            async for piece in pieces:
                watch.see(piece)
                yield piece
        watch.check()

    async def _do(self, step: Step) -> object:
        match step:
            case Exchange():
                return await self._pool.exchange(self._address, step, self._timeout)
            case Pause():
                if step.seconds > 0:
                    await self._sleep(step.seconds)
                return self._clock()
            case Call():
                return await self._follow(attempts(step, self._retrying))

    async def close(self) -> None:
        """Closes its connections, and those of the clients made `with_options` of it, which are the same."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
