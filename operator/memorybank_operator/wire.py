"""HTTP/1.1 to one server over connections that are kept: what an operator needs of it, for little processor and memory.

httptools (the parser of Node.js) reads the answers; asyncio has connections and TLS. There are no redirects, cookies,
proxies and no compression: an API server wants none of them.

Errors (all OSError): Disconnected and NotHttp of `line`; TimeoutError; what a connection that cannot be made raises.
"""

import asyncio
import contextlib
import re
import ssl
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

from memorybank_operator.line import Answer, Disconnected, Line

KEPT_SECONDS: Final = 60.0
"""How long a connection that is not in use is kept. Go's servers keep theirs for 90 s or more."""
LARGEST_ANSWER: Final = 1 << 28
"""Bytes. A list's page is some hundred kilobytes; nobody may fill our memory."""

_TARGET: Final = re.compile(r"[!-~]+")
_VALUE: Final = re.compile(r"[\t -~]*")

Told = TypeVar("Told")


class Stream:
    """An answer that is read as it comes."""

    def __init__(self, status: int, headers: Mapping[bytes, bytes], line: Line) -> None:
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
        self._idle: deque[Line] = deque()
        self._lines: set[Line] = set()

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

        def whole(line: Line) -> Awaitable[Answer]:
            return line.whole(asked, ends - time.monotonic(), most_bytes)

        line, answer = await self._exchange(whole, ends, repeats=method == "GET")
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
        ends = time.monotonic() + seconds
        line, (status, found) = await self._exchange(lambda line: line.head(asked, silence), ends, repeats=True)
        try:
            yield Stream(status, found, line)
        finally:
            # In the middle of an answer there is no other way to end it.
            line.abort()

    async def _exchange(
        self, answered: Callable[[Line], Awaitable[Told]], ends: float, *, repeats: bool
    ) -> tuple[Line, Told]:
        """A connection, made until `ends`, and what is answered on it.

        The server may end an idle connection just when it is used again: what may be done twice, as a write may not,
        is then asked on another one (RFC 9110, 9.2.2).
        """
        while True:
            line, used = await self._take(ends - time.monotonic())
            try:
                return line, await answered(line)
            except Disconnected:
                if not (repeats and used) or line.heard:
                    raise

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

    async def _take(self, seconds: float) -> tuple[Line, bool]:
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
            _, line = await loop.create_connection(lambda: Line(self._lines), self._host, self._port, ssl=self._context)
        return line, False
