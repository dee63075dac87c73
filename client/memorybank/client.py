"""The synchronous client: how one step is done here, and the list of its methods.

Each method is described once, in `endpoints/`; the asynchronous client differs in how it does a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
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


def answered(build: Callable[P, Asked[T]]) -> Method[P, T]:
    return cast("Method[P, T]", method(build, "_follow"))


def listed(build: Callable[P, Pages[T]]) -> Method[P, Iterator[T]]:
    return cast("Method[P, Iterator[T]]", method(build, "_pages", "Iterator[{}]"))


def streamed(build: Callable[P, Stream]) -> Method[P, Iterator[dict[str, Any]]]:
    return cast("Method[P, Iterator[dict[str, Any]]]", method(build, "_lines", "Iterator[{}]"))


def copied(build: Callable[P, Copy]) -> Method[P, int]:
    return cast("Method[P, int]", method(build, "_copy", "int"))


class MemoryBankClient(BaseClient):
    """Talks to one tenant; every method raises a `MemoryBankError` where the tenant refuses or is silent.

    `base_url` and `api_key` are by default those of the environment, MEMORYBANK_URL and MEMORYBANK_API_KEY. `timeout`
    is in seconds: how long the tenant may stay silent in one request (None: for ever). A request that got no answer, or
    "not now", is sent up to `max_retries` times more, waiting at most `max_wait` seconds in all between them; nothing
    is done twice by that. An address or key that cannot be used is a ValueError.

    Threads may share a client. `http_client` takes the place of the connections of its own (a proxy, certificates of
    yours) and stays yours to close; `sleep` and `clock`, in seconds, are there for tests.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        max_wait: float = DEFAULT_WAIT,
        http_client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(base_url, api_key, timeout, max_retries, max_wait)
        from memorybank import network

        self._pool, self._pieces = network.Pool(self._address, http_client), network.pieces
        self._sleep, self._clock = sleep, clock

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

    def _follow(self, asked: Asked[T]) -> T:
        """Does the steps of a call or of a longer piece of work, and returns what it comes to."""
        steps = iter(asked)
        try:
            step = next(steps)
            while True:
                try:
                    reply = self._do(step)
                except MemoryBankError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(reply)
        except StopIteration as end:
            return cast("T", end.value)

    def _pages(self, pages: Pages[T]) -> Iterator[T]:
        """The entries of a list, each page fetched when the one before it has been read."""
        cursor: str | None = None
        while True:
            page = self._follow(pages.page(cursor))
            yield from page.results
            if (cursor := page.next_cursor) is None:
                return

    def _lines(self, stream: Stream) -> Iterator[dict[str, Any]]:
        """The records of a stream, as they come."""
        reader = LineReader()
        for piece in self._stream(stream):
            yield from reader.feed(piece)
        yield from reader.end()

    def _copy(self, copy: Copy) -> int:
        """A stream into a file; how many bytes it has."""
        return sum(copy.file.write(piece) for piece in self._stream(copy.stream))

    def _stream(self, stream: Stream) -> Iterator[bytes]:
        """Its bytes, as they come."""
        answer = self._follow(stream.call)
        watch = stream.watch(answer)
        with closing(self._pieces(answer)) as pieces:
            for piece in pieces:
                watch.see(piece)
                yield piece
        watch.check()

    def _do(self, step: Step) -> object:
        match step:
            case Exchange():
                return self._pool.exchange(self._address, step, self._timeout)
            case Pause():
                if step.seconds > 0:
                    self._sleep(step.seconds)
                return self._clock()
            case Call():
                return self._follow(attempts(step, self._retrying))

    def close(self) -> None:
        """Closes its connections, and those of the clients made `with_options` of it, which are the same."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
