"""HTTP/1.1 to one server over connections that are kept: what an operator needs of it, for little processor and memory.

httptools (the parser of Node.js) reads the answers; asyncio has connections and TLS. There are no redirects, cookies,
proxies and no compression: an API server wants none of them.

Errors: Disconnected and NotHttp below; TimeoutError; and what a connection that cannot be made raises (all OSError).
"""

import asyncio
import contextlib
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self, cast
from urllib.parse import urlsplit

import httptools

KEPT_SECONDS: Final = 60.0
"""How long a connection that is not in use is kept. Go's servers keep theirs for 90 s or more."""
UNREAD_BYTES: Final = 1 << 20
"""Of a stream that is read slowly: more is left with the server."""
LARGEST_ANSWER: Final = 1 << 28
"""Bytes. A list's page is some hundred kilobytes; nobody may fill our memory."""

_FRAMED: Final = frozenset({"content-length", "transfer-encoding"})
_TARGET: Final = re.compile(r"[!-~]+")
_VALUE: Final = re.compile(r"[\t -~]*")


class Disconnected(ConnectionError):  # noqa: N818 (read as what happened)
    """The connection ended before the answer did."""


class NotHttp(ConnectionError):  # noqa: N818 (read as what was answered)
    """What was answered is no HTTP, or is longer than it may be."""


class Answer(NamedTuple):
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Stream:
    """An answer that is read as it comes."""

    def __init__(self, status: int, headers: Mapping[str, str], line: "_Line") -> None:
        self.status = status
        self.headers = headers
        self._line = line

    async def chunks(self, silence: float) -> AsyncGenerator[bytes, None]:
        """What has come since it was asked last. TimeoutError after so many seconds without anything."""
        while chunk := await self._line.read(silence):
            yield chunk


class Wire:
    """A client of one server; use it as a context manager."""

    def __init__(self, server: str, context: ssl.SSLContext | None = None) -> None:
        """`server`: scheme, host, port and perhaps a path, below which everything is. `context` is for https."""
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{server!r} is no address of a server: it should be https://host:port")
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path.rstrip("/")
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None
        self._common = f" HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nUser-Agent: memorybank-operator\r\n"
        self._idle: deque[_Line] = deque()
        self._lines: set[_Line] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lines = list(self._lines)
        for line in lines:
            line.abort()
        await asyncio.gather(*(line.gone.wait() for line in lines))

    async def ask(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        seconds: float,
        body: bytes | None = None,
        most_bytes: int = LARGEST_ANSWER,
    ) -> Answer:
        """The whole answer, within so many seconds."""
        asked = self._request(method, target, headers, body)
        ends = time.monotonic() + seconds
        while True:
            line, used = await self._take(seconds)
            try:
                answer = await line.whole(asked, ends - time.monotonic(), most_bytes)
            except Disconnected:
                # The server may have ended an idle connection just now (RFC 9110, 9.2.2). A write is not repeated.
                if used and method == "GET" and not line.heard:
                    continue
                raise
            if line.is_reusable:
                self._idle.append(line)
            else:
                line.abort()
            return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, target: str, *, headers: Mapping[str, str], seconds: float, silence: float
    ) -> AsyncIterator[Stream]:
        """An answer that is read as it comes; its head within `silence` seconds, the connection within `seconds`."""
        asked = self._request("GET", target, headers, None)
        while True:
            line, used = await self._take(seconds)
            try:
                status, found = await line.head(asked, silence)
                break
            except Disconnected:
                if not used or line.heard:
                    raise
        try:
            yield Stream(status, found, line)
        finally:
            # In the middle of an answer there is no other way to end it.
            line.abort()

    def _request(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        if not _TARGET.fullmatch(target):
            raise ValueError(f"{target!r} is no request's target: it should be a quoted path")
        lines = [method, " ", self._prefix, target, self._common]
        for name, value in headers.items():
            if not _VALUE.fullmatch(value):
                raise ValueError(f"the header {name} has characters that none may have")
            lines += (name, ": ", value, "\r\n")
        if body is None:
            lines.append("\r\n")
            return "".join(lines).encode("ascii")
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "".join(lines).encode("ascii") + body

    async def _take(self, seconds: float) -> tuple["_Line", bool]:
        """A connection, and whether it was used before. The one that was used last is the likeliest to be open."""
        oldest = time.monotonic() - KEPT_SECONDS
        while self._idle and (self._idle[0].last_used < oldest or not self._idle[0].is_open):
            self._idle.popleft().abort()
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line, True
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            _, line = await loop.create_connection(
                lambda: _Line(self._lines), self._host, self._port, ssl=self._context
            )
        return line, False


class _Line(asyncio.Protocol):
    """One connection, and the exchange that is under way on it."""

    def __init__(self, lines: "set[_Line]") -> None:
        self.gone = asyncio.Event()
        self.heard = False
        """Something was answered to the last request."""
        self.last_used = 0.0
        self._loop = asyncio.get_running_loop()
        self._lines = lines
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._trouble: OSError | None = None
        self._headers: dict[str, str] = {}
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
        return Answer(self._parser.get_status_code(), self._headers, b"".join(self._parts))

    async def head(self, asked: bytes, seconds: float) -> tuple[int, Mapping[str, str]]:
        self._ask(asked, streams=True, most=0)
        await self._until(seconds)
        return self._parser.get_status_code(), self._headers

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
        timer = self._loop.call_later(max(0.0, seconds), self._fail, TimeoutError())
        try:
            await waiter
        except asyncio.CancelledError:
            self.abort()  # the answer may come yet, and nobody would read it
            raise
        finally:
            timer.cancel()
            self._waiter = None

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
        if not self._has_head:  # else it is a trailer
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._headers = {}
            return
        self._has_head = True
        if self._streams:
            self._wake()

    def on_body(self, body: bytes) -> None:
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
        if self._has_head:
            self._complete = True
            self._keeps = bool(self._parser.should_keep_alive())  # here alone the parser knows
            self._wake()
