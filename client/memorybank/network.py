"""The one module that knows httpx: connections that are kept and used again, and what their failures mean.

It is imported when the first client is made, as httpx takes longer to import than all the rest.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import Any

import httpx

from memorybank.address import Address
from memorybank.call import Answer, Exchange
from memorybank.errors import ConnectionFailedError, NoAnswerInTimeError
from memorybank.upload import Upload

CONNECT_SECONDS = 5.0
# Dropped a moment before the service drops it (5 s of idleness), so that a request rarely meets a closing connection.
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=4.0)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Pool:
    """Connections of a synchronous client; threads may share it."""

    def __init__(self, address: Address, client: httpx.Client | None = None) -> None:
        self._http = client or httpx.Client(limits=_LIMITS, verify=_trust(address))
        self._is_own = client is None

    def exchange(self, address: Address, exchange: Exchange, patience: float | None) -> Answer:
        """Raises ConnectionFailedError where no answer comes, or not all of it."""
        body = exchange.body.pieces() if isinstance(exchange.body, Upload) else exchange.body
        request = self._http.build_request(**_request(address, exchange, patience), content=body)
        try:
            response = self._http.send(request, stream=True, follow_redirects=False)
            if exchange.streamed and response.is_success:
                return _answer(response, exchange, address, b"", stream=response)
            try:
                return _answer(response, exchange, address, response.read())
            finally:
                response.close()
        except httpx.RequestError as error:
            raise no_answer(error, address, exchange) from error

    def close(self) -> None:
        if self._is_own:
            self._http.close()


class AsyncPool:
    """Connections of an asynchronous client; they belong to one event loop."""

    def __init__(self, address: Address, client: httpx.AsyncClient | None = None) -> None:
        self._http = client or httpx.AsyncClient(limits=_LIMITS, verify=_trust(address))
        self._is_own = client is None

    async def exchange(self, address: Address, exchange: Exchange, patience: float | None) -> Answer:
        """Raises ConnectionFailedError where no answer comes, or not all of it."""
        body = _in_threads(exchange.body) if isinstance(exchange.body, Upload) else exchange.body
        request = self._http.build_request(**_request(address, exchange, patience), content=body)
        try:
            response = await self._http.send(request, stream=True, follow_redirects=False)
            if exchange.streamed and response.is_success:
                return _answer(response, exchange, address, b"", stream=response)
            try:
                return _answer(response, exchange, address, await response.aread())
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            raise no_answer(error, address, exchange) from error

    async def close(self) -> None:
        if self._is_own:
            await self._http.aclose()


def pieces(answer: Answer) -> Generator[bytes, None, None]:
    """The body of a streamed answer; raises ConnectionFailedError where it breaks off."""
    response: httpx.Response = answer.stream
    try:
        yield from response.iter_bytes()
    except httpx.RequestError as error:
        raise _broken_off(error, answer) from error
    finally:
        response.close()


async def pieces_async(answer: Answer) -> AsyncGenerator[bytes, None]:
    response: httpx.Response = answer.stream
    try:
        async for piece in response.aiter_bytes():
            yield piece
    except httpx.RequestError as error:
        raise _broken_off(error, answer) from error
    finally:
        await response.aclose()


def no_answer(error: httpx.RequestError, address: Address, exchange: Exchange) -> ConnectionFailedError:
    what = str(error) or type(error).__name__
    message = f"{address.shown} does not answer {exchange.method} {exchange.target.partition('?')[0]}: {what}"
    kind = NoAnswerInTimeError if isinstance(error, httpx.TimeoutException) else ConnectionFailedError
    return kind(message, request_sent=not isinstance(error, _NOT_SENT))


def _broken_off(error: httpx.RequestError, answer: Answer) -> ConnectionFailedError:
    kind = NoAnswerInTimeError if isinstance(error, httpx.TimeoutException) else ConnectionFailedError
    return kind(f"{answer.url} broke off its answer: {str(error) or type(error).__name__}")


def _trust(address: Address) -> ssl.SSLContext | bool:
    """The usual authorities; where no TLS is spoken none at all, as reading them in takes 30 ms."""
    return address.url.startswith("https:") or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _request(address: Address, exchange: Exchange, patience: float | None) -> dict[str, Any]:
    seconds = None if patience is None else max(patience, exchange.patience)
    connect = CONNECT_SECONDS if patience is None else min(patience, CONNECT_SECONDS)
    return {
        "method": exchange.method,
        "url": address.url + exchange.target,
        "headers": {**address.headers, **exchange.headers},
        "timeout": httpx.Timeout(seconds, connect=connect),
    }


def _answer(response: httpx.Response, exchange: Exchange, address: Address, body: bytes, stream: Any = None) -> Answer:
    url = address.shown + exchange.target.partition("?")[0]
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, response.reason_phrase, headers, body, url, stream)


async def _in_threads(upload: Upload) -> AsyncIterator[bytes]:
    """Reading a file, or what an iterator does to make the next record, must not block the loop."""
    pieces = upload.pieces()
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
