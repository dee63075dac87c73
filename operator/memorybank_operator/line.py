"""One connection of HTTP/1.1, and the exchange that is under way on it."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

import httptools

UNREAD_BYTES: Final = 1 << 20
"""Of a stream that is read slowly: more is left with the server."""

_FRAMED: Final = frozenset({b"content-length", b"transfer-encoding"})


class Disconnected(ConnectionError):  # noqa: N818 (read as what happened)
    """The connection ended before the answer did."""


class NotHttp(ConnectionError):  # noqa: N818 (read as what was answered)
    """What was answered is no HTTP, or is longer than it may be."""


class Answer(NamedTuple):
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[bytes, bytes]
    content: bytes


class Line(asyncio.Protocol):
    """One connection, and the exchange that is under way on it."""

    def __init__(self, lines: "set[Line]") -> None:
        self.gone = asyncio.Event()
        self.heard = False
        """Something was answered to the last request."""
        self.last_used = 0.0
        self._loop = asyncio.get_running_loop()
        self._lines = lines
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._due = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._trouble: OSError | None = None
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._size = 0
        self._most = 0
        self._streams = False
        self._has_head = False
        self._complete = True
        self._keeps = False
        self._paused = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and self._trouble is None and not self._transport.is_closing()

    @property
    def is_reusable(self) -> bool:
        return self._complete and self._keeps and self.is_open

    def abort(self) -> None:
        self._fail(Disconnected("the connection was given up"))

    async def whole(self, asked: bytes, seconds: float, most_bytes: int) -> Answer:
        self._ask(asked, streams=False, most=most_bytes)
        await self._until(seconds)
        self.last_used = time.monotonic()
        return Answer(self._status, self._headers, b"".join(self._parts))

    async def head(self, asked: bytes, seconds: float) -> tuple[int, Mapping[bytes, bytes]]:
        self._ask(asked, streams=True, most=0)
        await self._until(seconds)
        return self._status, self._headers

    async def read(self, silence: float) -> bytes:
        """What has come of a stream; nothing at its end."""
        while not self._parts:
            if self._complete:
                return b""
            await self._until(silence)
        content = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
        self._parts, self._size = [], 0
        if self._paused and self._transport is not None and self.is_open:
            self._paused = False
            self._transport.resume_reading()
        return content

    def _ask(self, asked: bytes, *, streams: bool, most: int) -> None:
        if self._transport is None or not self.is_open:
            raise self._trouble or Disconnected("the server ended the connection")
        self._headers, self._parts, self._size, self._most = {}, [], 0, most
        self._streams, self._has_head, self._complete, self.heard = streams, False, False, False
        self._transport.write(asked)

    async def _until(self, seconds: float) -> None:
        """Until what is waited for has come: the whole answer, its head, or more of it."""
        if self._trouble is not None:
            raise self._trouble
        waiter = self._waiter = self._loop.create_future()
        self._set_alarm(self._loop.time() + max(0.0, seconds))
        try:
            await waiter
        except asyncio.CancelledError:
            self.abort()  # the answer may come yet, and nobody would read it
            raise
        finally:
            self._waiter = None

    def _set_alarm(self, due: float) -> None:
        """One that rings sooner is left as it is: most of what is waited for comes long before, and then it is moot."""
        self._due = due
        if self._alarm is not None and self._alarm.when() > due:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        if self._loop.time() < self._due:
            self._set_alarm(self._due)
        else:
            self._fail(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, trouble: OSError) -> None:
        if self._trouble is None:
            self._trouble = trouble
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._trouble)
        if self._transport is not None:
            self._transport.abort()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's have no common class with asyncio's
        self._lines.add(self)

    def data_received(self, data: bytes) -> None:
        self.heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(NotHttp(f"the answer is no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.discard(self)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if exc is None and self._has_head and not self._complete and not _FRAMED & self._headers.keys():
            self.on_message_complete()  # it is as long as the connection lasts (RFC 9112, 6.3)
        else:
            self._fail(Disconnected(str(exc) if exc else "the server ended the connection"))
        self._transport = None
        self.gone.set()

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._complete:
            # Nothing was asked: whatever comes next could be taken for an answer to something else.
            self._fail(NotHttp("the server answered without being asked"))

    def on_header(self, name: bytes, value: bytes) -> None:
        if not (self._complete or self._has_head):  # else it is a trailer
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._headers = {}
            return
        self._status, self._has_head = status, True
        if self._streams:
            self._wake()

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        self._parts.append(body)
        self._size += len(body)
        if self._streams:
            self._wake()
            if self._size > UNREAD_BYTES and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
        elif self._size > self._most:
            self._fail(NotHttp(f"the answer has over {self._most} bytes"))

    def on_message_complete(self) -> None:
        if self._has_head and not self._complete:
            self._complete = True
            self._keeps = bool(self._parser.should_keep_alive())  # here alone the parser knows
            self._wake()
