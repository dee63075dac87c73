"""What a call does on the wire: bounded, watched, and going to the provider alone.

litellm builds its HTTP clients in many places, each with settings of its own. So the bounds are where all of them pass:
at httpx's transports. Every exchange belongs to a call, which the context names; one that does not is refused, and with
it whatever a library would like to fetch or report on its own.

    - an answer beyond the limit is cut off, and one that would have to be unpacked is refused: a few kilobytes can
      unpack to gigabytes
    - a redirect is not followed: it would carry the prompt, and of some providers the key, to another host
    - a host other than the provider's is not connected to
"""

import email.utils
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx

LONGEST_RETRY_AFTER = 3600.0
_ERROR_BYTES = 64 << 10
_CODE = re.compile(r"[A-Za-z]+(_[A-Za-z]+)+")
"""What providers name their errors with: words that are joined, unlike those of a text, and no digits, unlike a key."""


@dataclass
class Exchange:
    """What a call may do, and what became of it."""

    answer_bytes: int
    host: str | None
    received: int = 0
    status: int | None = None
    """Of the last answer."""
    code: str | None = None
    retry_after: float | None = None
    oversized: bool = False
    misdirected: bool = False
    compressed: bool = False
    broken: bool = False
    """No connection, or it ended in the middle."""
    timed_out: bool = False


exchange_of_call: ContextVar[Exchange] = ContextVar("exchange")


class RefusedError(httpx.ReadError):
    """Of an answer that breaks the bounds: what was received so far is not used."""


def bound_httpx() -> None:
    """For every client of this process, made before or after."""
    send_async, send = httpx.AsyncHTTPTransport.handle_async_request, httpx.HTTPTransport.handle_request

    async def handle_async(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        exchange = _begin(request)
        try:
            response = await send_async(self, request)
        except httpx.TransportError as error:
            _note(exchange, error)
            raise
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("an answer without a stream")
        stream = _BoundedAsync(response.stream, exchange)
        _take_head(exchange, response)
        if response.status_code >= 400:
            body = await stream.beginning()
            await stream.aclose()
            _take_error(exchange, response, body)
            return _with_body(response, body)
        response.stream = stream
        return response

    def handle(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        exchange = _begin(request)
        try:
            response = send(self, request)
        except httpx.TransportError as error:
            _note(exchange, error)
            raise
        if not isinstance(response.stream, httpx.SyncByteStream):
            raise TypeError("an answer without a stream")
        _take_head(exchange, response)
        response.stream = _Bounded(response.stream, exchange)
        return response

    httpx.AsyncHTTPTransport.handle_async_request = handle_async  # type: ignore[method-assign]
    httpx.HTTPTransport.handle_request = handle  # type: ignore[method-assign]


def _begin(request: httpx.Request) -> Exchange:
    exchange = exchange_of_call.get(None)
    if exchange is None:
        raise RefusedError("no call of ours", request=request)
    if exchange.host is not None and request.url.host != exchange.host:
        exchange.misdirected = True
        raise RefusedError("not the provider's host", request=request)
    request.headers["accept-encoding"] = "identity"
    return exchange


def _take_head(exchange: Exchange, response: httpx.Response) -> None:
    exchange.status, exchange.received = response.status_code, 0
    if "location" in response.headers:
        exchange.misdirected = True
        raise RefusedError("a redirect")
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        exchange.compressed = True
        raise RefusedError("a compressed answer")


def _take_error(exchange: Exchange, response: httpx.Response, body: bytes) -> None:
    exchange.code = code_of(body)
    exchange.retry_after = retry_after_of(response.headers.get("retry-after", ""), time.time())


def _with_body(response: httpx.Response, body: bytes) -> httpx.Response:
    return httpx.Response(
        response.status_code,
        headers=[(name, value) for name, value in response.headers.multi_items() if name != "transfer-encoding"],
        content=body,
        extensions=response.extensions,
    )


def _note(exchange: Exchange, error: Exception) -> None:
    if isinstance(error, httpx.TimeoutException):
        exchange.timed_out = True
    elif isinstance(error, httpx.TransportError) and not isinstance(error, RefusedError):
        exchange.broken = True


def _count(exchange: Exchange, chunk: bytes) -> None:
    exchange.received += len(chunk)
    if exchange.received > exchange.answer_bytes:
        exchange.oversized = True
        raise RefusedError(f"over {exchange.answer_bytes} bytes")


class _BoundedAsync(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._stream, self._exchange = stream, exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                _count(self._exchange, chunk)
                yield chunk
        except httpx.TransportError as error:
            _note(self._exchange, error)
            raise

    async def beginning(self) -> bytes:
        """As much of an error's body as is worth reading."""
        body = b""
        async for chunk in self._stream:
            body += chunk
            if len(body) >= _ERROR_BYTES:
                break
        return body[:_ERROR_BYTES]

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, exchange: Exchange) -> None:
        self._stream, self._exchange = stream, exchange

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            _count(self._exchange, chunk)
            yield chunk

    def close(self) -> None:
        self._stream.close()


def code_of(body: bytes) -> str | None:
    """The name that a provider gives its error, in any of the shapes that are about."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    candidates: list[Any] = []
    for part in (answer.get("error"), answer) if isinstance(answer, dict) else ():
        if isinstance(part, dict):
            candidates += [part.get("code"), part.get("status"), part.get("type")]
    for candidate in candidates:
        if isinstance(candidate, str) and len(candidate) <= 48 and _CODE.fullmatch(candidate):
            return candidate
    return None


def retry_after_of(header: str, now: float) -> float | None:
    """Seconds from now, of either form that RFC 9110 has; None where it says nothing usable."""
    header = header.strip()
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER) if seconds == seconds else None  # noqa: PLR0124 - not a number
