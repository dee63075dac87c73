"""Vectors of queries from a provider: what is asked at the same time goes in one call, and a slow call keeps nobody.

A search is held up by the provider's own time alone, and not for long: after that it goes by words, while the call goes
on, and the next search for the same finds its answer. Calls are few and bounded; while they are under way, what else is
asked gathers for the next one, each text once.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from memorybank_service.embedding import AskedEmbedder, EmbeddingError, TextRefusedError, Vector
from memorybank_service.memory import answering
from memorybank_service.memory.answering import Answering
from memorybank_service.memory.patience import Patience

log = logging.getLogger(__name__)
CALLS, LATE_CALLS = 8, 8
"""Under way at once, and besides those that nobody waits for any more."""
GATHER_SECONDS = 0.02
"""Between two calls: what is asked in one burst needs few of them."""
BATCH_TEXTS, BATCH_CHARACTERS = 32, 32_768
MOST_WAITING = 1_024

BUSY = "the embedding provider has too much to do"
UNKNOWN = "the query could not be embedded"
_KNOWN_QUERIES = 256


@dataclass(eq=False)
class _Query:
    text: str
    answer: "asyncio.Future[Vector]"
    searches: int = 0
    """How many wait for it."""
    expiry: Patience | None = None
    """While it waits to be sent."""

    def settle(self, outcome: Vector | EmbeddingError) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, EmbeddingError):
            self.answer.set_exception(outcome)
            self.answer.exception()  # there may be nobody left to tell
        else:
            self.answer.set_result(outcome)


@dataclass(eq=False)
class _Call:
    queries: Sequence[_Query]
    sent: float
    late: bool = False
    answer: "Future[list[Vector]] | None" = None


class Queries:
    def __init__(self, embedder: AskedEmbedder, answers: Answering) -> None:
        self._embedder, self._answers = embedder, answers
        self._threads = ThreadPoolExecutor(CALLS + LATE_CALLS, thread_name_prefix="query-embedding")
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._asked: dict[str, _Query] = {}  # that searches wait for, by text
        self._waiting: deque[_Query] = deque()  # of these, what is not sent yet
        self._calls: dict[_Call, asyncio.Task[None]] = {}
        self._last_answer = 0.0
        self._next: asyncio.TimerHandle | None = None
        self._earliest = 0.0  # of the next call

    async def vector(self, text: str) -> Vector:
        """Raises EmbeddingError where the provider does not give it in time."""
        if (known := self._recalled(text)) is not None:
            return known
        if (trouble := self._answers.trouble) is not None:
            raise EmbeddingError(trouble)
        query = self._asked.get(text) or self._enter(text)
        query.searches += 1
        try:
            return await asyncio.shield(query.answer)
        finally:
            query.searches -= 1
            if not query.searches and query.expiry is not None:
                self._withdraw(query)

    def forget(self) -> None:
        """What is under way still writes into what is forgotten then."""
        self._known = OrderedDict()

    async def stop(self) -> None:
        """Once no search is under way any more: what nobody waits for comes to its end."""
        if self._next is not None:
            self._next.cancel()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)

    def close(self) -> None:
        """Once it is stopped; blocks."""
        self._threads.shutdown()

    def _recalled(self, text: str) -> Vector | None:
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        return self._embedder.known(text)

    def _enter(self, text: str) -> _Query:
        if len(self._waiting) >= MOST_WAITING:
            raise EmbeddingError(BUSY)
        loop = asyncio.get_running_loop()
        query = _Query(text, loop.create_future())
        query.expiry = Patience(answering.QUERY_SECONDS, lambda: self._expire(query))
        self._asked[text] = query
        self._waiting.append(query)
        self._send_on()
        return query

    def _expire(self, query: _Query) -> None:
        self._withdraw(query)
        query.settle(EmbeddingError(BUSY))

    def _withdraw(self, query: _Query) -> None:
        """Before it was sent."""
        self._waiting.remove(query)
        self._leave(query)

    def _leave(self, query: _Query) -> None:
        if query.expiry is not None:
            query.expiry.cancel()
            query.expiry = None
        if self._asked.get(query.text) is query:
            del self._asked[query.text]

    def _send_on(self) -> None:
        """Sends what waits, as soon as a call may begin."""
        late = sum(call.late for call in self._calls)
        if self._next is not None or len(self._calls) - late >= CALLS or late >= LATE_CALLS:
            return  # it comes back here when the time is over, or a call
        loop = asyncio.get_running_loop()
        if self._waiting and self._earliest <= loop.time():
            self._earliest = loop.time() + GATHER_SECONDS
            self._send(self._batch())
        if self._waiting:
            self._next = loop.call_at(self._earliest, self._time_is_over)

    def _time_is_over(self) -> None:
        self._next = None
        self._send_on()

    def _batch(self) -> list[_Query]:
        batch, characters = [self._waiting.popleft()], 0
        while self._waiting and len(batch) < BATCH_TEXTS:
            characters += len(batch[-1].text)
            if characters + len(self._waiting[0].text) > BATCH_CHARACTERS:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _send(self, batch: Sequence[_Query]) -> None:
        for query in batch:
            if query.expiry is not None:
                query.expiry.cancel()
                query.expiry = None
        call = _Call(batch, asyncio.get_running_loop().time())
        self._calls[call] = asyncio.create_task(self._call(call), name="query-embedding")

    async def _call(self, call: _Call) -> None:
        overdue = Patience(answering.QUERY_SECONDS, lambda: self._overdue(call))
        try:
            await self._embed(call, call.queries)
        finally:
            overdue.cancel()
            del self._calls[call]
            self._settle(call.queries, EmbeddingError(UNKNOWN))  # where that failed in a way that nobody thought of
            self._send_on()

    def _overdue(self, call: _Call) -> None:
        """Its searches go by words; it goes on. One that is late while others are answered is no sign of trouble."""
        if call.answer is not None and call.answer.done():
            return  # it is here in time, and this loop was late
        call.late = True
        self._settle(call.queries, EmbeddingError(answering.TOO_SLOW))
        if self._last_answer < call.sent:
            self._answers.too_slow()
            self._give_up(EmbeddingError(answering.TOO_SLOW))
        self._send_on()

    async def _embed(self, call: _Call, queries: Sequence[_Query]) -> None:
        loop, known = asyncio.get_running_loop(), self._known
        try:
            texts = [query.text for query in queries]
            call.answer = self._threads.submit(self._embedder.embed, texts)
            vectors = await asyncio.wrap_future(call.answer)
        except TextRefusedError as error:
            if len(queries) == 1:
                self._settle(queries, error)
                return
            half = len(queries) // 2  # one must not cost the others their vectors
            await asyncio.gather(self._embed(call, queries[:half]), self._embed(call, queries[half:]))
        except EmbeddingError as error:
            self._answers.failed(error)
            self._settle(queries, error)
            self._give_up(error)
        else:
            for query, vector in zip(queries, vectors, strict=True):
                known[query.text] = vector
                query.settle(vector)
                self._leave(query)
            while len(known) > _KNOWN_QUERIES:
                known.popitem(last=False)
            if not call.late:
                self._last_answer = loop.time()
                self._answers.answered_in_time()

    def _settle(self, queries: Sequence[_Query], error: EmbeddingError) -> None:
        for query in queries:
            query.settle(error)
            self._leave(query)

    def _give_up(self, error: EmbeddingError) -> None:
        """On what waits: a provider that is in trouble is asked for nothing."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._settle(waiting, error)
