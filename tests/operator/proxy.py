"""A reverse proxy on loopback between the operator and the real API server, which plays faults by rule."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web

from memorybank_operator.kubeconfig import Connection

from .faults import (
    HTML,
    Answer,
    Call,
    Cut,
    Dropped,
    Fault,
    Garbled,
    Held,
    Hung,
    Killed,
    Page,
    Silent,
    Slow,
    Told,
)

Rule = Callable[[Call], Fault | None]
"""Which fault a request meets."""

_OF_THE_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "host", "accept-encoding"})


class ApiProxy:
    """Forwards with the credentials of the real connection; use it as a context manager.

    `calls` holds each request in the order of arrival, with the loop's time.
    """

    def __init__(self, connection: Connection) -> None:
        self.calls: list[tuple[float, Call]] = []
        self.met: list[tuple[Call, Fault]] = []
        self.rule: Rule = lambda _call: None
        self._real = connection
        self._port = 0
        self._open: set[asyncio.Transport] = set()

    async def __aenter__(self) -> Self:
        self._connector = aiohttp.TCPConnector(ssl=self._real.ssl_context() or False, limit=0)
        self._session = aiohttp.ClientSession(connector=self._connector, auto_decompress=False)
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await self.back()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop_all()
        await self._runner.cleanup()
        # Else a TLS connection would outlive the loop.
        await self._connector.close(abort_ssl=True)
        await self._session.close()

    @property
    def connection(self) -> Connection:
        """How the operator reaches the proxy."""
        return Connection(f"http://127.0.0.1:{self._port}")

    async def away(self) -> None:
        """From now on nobody listens."""
        await self._site.stop()
        self.drop_all()

    async def back(self) -> None:
        """Listen (again), at the same address."""
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    def drop_all(self) -> None:
        """End every connection."""
        for transport in list(self._open):
            transport.abort()

    def count(self, matches: Callable[[Call], bool]) -> int:
        return sum(matches(call) for _, call in self.calls)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.path, "watch" in request.query)
        self.calls.append((asyncio.get_running_loop().time(), call))
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        self._open.add(transport)
        try:
            fault = self.rule(call)
            if fault is not None:
                self.met.append((call, fault))
            return await self._play(request, call, fault)
        finally:
            self._open.discard(transport)

    async def _play(self, request: web.Request, call: Call, fault: Fault | None) -> web.StreamResponse:  # noqa: PLR0911 (one a fault)
        match fault:
            case Answer(status, _, retry_after):
                headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
                return web.Response(status=status, body=fault.body(), content_type="application/json", headers=headers)
            case Page(status):
                return web.Response(status=status, body=HTML, content_type="text/html")
            case Dropped(executed):
                if executed:
                    await self._forward(request)
                return self._drop(request)
            case Killed(executed, struck):
                if executed:
                    await self._forward(request)
                struck.set()
                return await _never()
            case Garbled():
                status, content = await self._forward(request)
                half = content[: len(content) // 2]
                return web.Response(status=status, body=half, content_type="application/json")
            case Slow(seconds):
                await asyncio.sleep(seconds)
            case Held(reached, release):
                reached.set()
                await release.wait()
            case Hung():
                return await _never()
            case Silent() | Cut() | Told() if call.watch:
                return await self._watch(request, fault)
            case _:
                pass
        return await self._stream(request)

    async def _watch(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        match fault:
            case Told(line):
                await response.write(line)
            case Cut(after):
                async with self._asked(request) as answer:
                    for _ in range(after):
                        await response.write(await answer.content.readline())
                await response.write(b'{"type":"MODIF')
                return self._drop(request)
            case _:
                return await _never()
        return response

    async def _forward(self, request: web.Request) -> tuple[int, bytes]:
        """Have it done by the API server, and keep the answer."""
        async with self._asked(request) as answer:
            return answer.status, await answer.read()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        async with self._asked(request) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_HOP}
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            return response

    @contextlib.asynccontextmanager
    async def _asked(self, request: web.Request) -> AsyncIterator[aiohttp.ClientResponse]:
        async with await self._ask(request) as answer:
            try:
                yield answer
            finally:
                # What is left in the middle would say farewell by TLS, and outlive the loop.
                if answer.connection is not None and answer.connection.transport is not None:
                    answer.connection.transport.abort()

    async def _ask(self, request: web.Request) -> aiohttp.ClientResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_HOP}
        return await self._session.request(
            request.method,
            self._real.server + request.raw_path,
            data=await request.read() or None,
            headers={**headers, **self._real.headers()},
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("Accept-Encoding",),
        )

    @staticmethod
    def _drop(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError


async def _never() -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
