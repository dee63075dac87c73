"""What a client without a key can do to a connection, on real sockets; time is what the test says it is."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from memorybank_service.http.connections import Connection, Limits, let_go

LIMITS = Limits()
HEAD = LIMITS.head_bytes
ASKED = b"GET / HTTP/1.1\r\nHost: tenant\r\n\r\n"
PROBED = b"GET /livez HTTP/1.1\r\nHost: tenant\r\n\r\n"


@dataclass
class Counted:
    """An application that answers with the size of the body, once it is told to read it."""

    reads: asyncio.Event = field(default_factory=asyncio.Event)
    broken_off: list[str] = field(default_factory=list)
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.asked += 1
        if request.url.path == "/unread":
            await PlainTextResponse("no", 401)(scope, receive, send)
            return
        await self.reads.wait()
        try:
            size = len(await request.body())
        except ClientDisconnect:
            self.broken_off.append(request.url.path)
        else:
            await PlainTextResponse(f"{size} bytes")(scope, receive, send)


class Listening:
    def __init__(self, port: int, state: ServerState, limits: Limits, stack: AsyncExitStack) -> None:
        self.port, self._limits, self._stack = port, limits, stack
        self._state = state

    @property
    def connections(self) -> set[Connection]:
        return cast(set[Connection], self._state.connections)

    async def client(self, sent: bytes = b"") -> tuple[StreamReader, StreamWriter]:
        before = len(self.connections)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._stack.callback(writer.close)
        writer.write(sent)
        await eventually(lambda: len(self.connections) > before)
        return reader, writer

    def later(self, seconds: float) -> None:
        """As if so much time had gone by since now."""
        let_go(self.connections, self._limits, asyncio.get_running_loop().time() + seconds)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for is the other end of a socket, and sets no event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def listening(app: ASGIApp, limits: Limits = LIMITS) -> AsyncIterator[Listening]:
    bounds = limits

    class Bounded(Connection):
        limits = bounds

    config = uvicorn.Config(app, http=Bounded, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Bounded(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        yield Listening(server.sockets[0].getsockname()[1], state, limits, stack)


@pytest.fixture
def app() -> Counted:
    app = Counted()
    app.reads.set()
    return app


def post(size: int, path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: tenant\r\nContent-Length: {size}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "begun",
    [b"GET / HTTP/1.1\r\nX: ", b"GET /?", b"GET / HTTP/1.1\r\nX", b"\r\n", b"GET / HTTP/1.1\r\n"],
    ids=["value", "path", "name", "blank lines", "many headers"],
)
async def test_a_head_without_an_end_is_refused_at_32_kib(app: Counted, begun: bytes) -> None:
    more = {b"\r\n": b"\r\n", b"GET / HTTP/1.1\r\n": b"a: b\r\n"}.get(begun, b"a")
    async with listening(app) as server:
        reader, writer = await server.client(begun)
        for _ in range(9):
            writer.write((more * 4096)[:4096])
            await writer.drain()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"urn:memorybank:problem:head-too-large" in answer
    assert app.asked == 0


async def test_a_large_head_that_comes_at_once_is_refused_and_one_below_the_bound_is_not(app: Counted) -> None:
    async with listening(app) as server:
        for size, status in ((HEAD + 1, b"431"), (HEAD - 100, b"200")):
            reader, _ = await server.client(b"GET / HTTP/1.1\r\nX: " + b"a" * size + b"\r\n\r\n")
            assert (await reader.readline()).split()[1] == status


async def test_a_body_counts_for_nothing_of_the_head(app: Counted) -> None:
    async with listening(app) as server:
        reader, writer = await server.client(post(1_000_000) + b"x" * 1_000_000 + post(3) + b"xxx")
        await writer.drain()
        answers = b"".join([await reader.readuntil(b"bytes"), await reader.readuntil(b"bytes")])
        assert b"1000000 bytes" in answers
        assert answers.endswith(b"3 bytes")


@pytest.mark.parametrize("more", [b"x" * 4096, b"a: b\r\n" * 700])
async def test_what_follows_a_chunked_body_has_an_end_too(app: Counted, more: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: tenant\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: a"
    async with listening(app) as server:
        reader, writer = await server.client(head)
        for _ in range(100):  # more than is read at once
            writer.write(more)
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
    assert app.broken_off == ["/"]


async def test_a_head_has_ten_seconds(app: Counted) -> None:
    async with listening(app) as server:
        reader, _ = await server.client(b"GET / HTTP/1.1\r\nHo")
        silent, _ = await server.client()
        await eventually(lambda: any(one._received for one in server.connections))
        server.later(9)
        assert len(server.connections) == 2
        server.later(11)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        assert await silent.read() == b""
        await eventually(lambda: len(server.connections) == 1)  # the client that was told has not closed yet
        server.later(17)
        await eventually(lambda: not server.connections)


async def test_a_body_that_stands_still_is_given_up_and_one_that_moves_goes_on(app: Counted) -> None:
    async with listening(app) as server:
        still, _ = await server.client(post(1000) + b"x" * 100)
        reader, writer = await server.client(post(3))
        await eventually(lambda: app.asked == 2)
        [moving] = [one for one in server.connections if (b"content-length", b"3") in one.cycle.scope["headers"]]
        for _ in range(2):
            before = moving.since
            writer.write(b"x")
            await eventually(lambda before=before: moving.since > before)  # type: ignore[misc]
            moving.look(moving.since + 29)
        writer.write(b"x")
        assert b"3 bytes" in await reader.readuntil(b"bytes")
        server.later(31)
        answer = await still.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"urn:memorybank:problem:too-slow" in answer
        await eventually(lambda: app.broken_off == ["/"])


async def test_a_client_is_not_blamed_for_what_we_do_not_read() -> None:
    app = Counted()
    async with listening(app) as server:
        reader, writer = await server.client(post(1_000_000) + b"x" * 500_000)
        asking, asker = await server.client(post(3).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        await eventually(lambda: app.asked == 2 and any(one.flow.read_paused for one in server.connections))
        server.later(100)
        app.reads.set()
        assert await asking.readline() == b"HTTP/1.1 100 Continue\r\n"
        asker.write(b"xxx")
        writer.write(b"x" * 500_000)
        assert b"1000000 bytes" in await reader.readuntil(b"bytes")
        assert b"3 bytes" in await asking.readuntil(b"bytes")


async def test_who_is_refused_unread_cannot_go_on_sending_for_ever(app: Counted) -> None:
    async with listening(app) as server:
        reader, writer = await server.client(post(1000, "/unread"))
        assert b" 401 " in await reader.readline()
        writer.write(b"x")
        server.later(4)
        assert len(server.connections) == 1
        server.later(6)
        await eventually(lambda: not server.connections)


async def test_a_refused_body_that_ends_soon_leaves_the_connection_to_the_next_request(app: Counted) -> None:
    async with listening(app) as server:
        reader, writer = await server.client(post(1000, "/unread"))
        await reader.readuntil(b"no")
        writer.write(b"x" * 1000)
        writer.write(ASKED)
        assert b"0 bytes" in await reader.readuntil(b"bytes")
        server.later(70)
        assert len(server.connections) == 1
        server.later(76)
        assert await reader.read() == b""


async def test_an_answer_that_nobody_takes_is_given_up(app: Counted) -> None:
    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x" * (64 << 20))(scope, receive, send)

    async with listening(large) as server:
        await server.client(ASKED)
        await eventually(lambda: all(one.transport.get_write_buffer_size() for one in server.connections))
        server.later(0)
        server.later(100)
        assert len(server.connections) == 1
        server.later(121)
        await eventually(lambda: not server.connections)


async def test_where_there_are_too_many_those_that_wait_longest_make_room(app: Counted) -> None:
    async with listening(app, Limits(connections=2)) as server:
        readers = [(await server.client(b"GET"))[0] for _ in range(4)]
        server.later(0.5)
        assert len(server.connections) == 4
        server.later(2)
        assert [await reader.read() for reader in readers[:2]] == [b"", b""]
        await eventually(lambda: len(server.connections) == 2)


async def test_where_requests_crowd_only_the_probes_are_answered() -> None:
    app = Counted()
    async with listening(app, Limits(connections=1, busy=3, most=4)) as server:
        under_way = [(await server.client(ASKED))[0] for _ in range(2)]
        await eventually(lambda: app.asked == 2)
        server.later(5)
        refused, _ = await server.client(ASKED)
        answer = await refused.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in answer
        await eventually(lambda: len(server.connections) == 2)
        probed, _ = await server.client(PROBED)
        app.reads.set()
        for reader in (probed, *under_way):
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_beyond_the_most_that_there_may_be_a_connection_is_closed_at_once(app: Counted) -> None:
    async with listening(app, Limits(connections=1, busy=1, most=2)) as server:
        for _ in range(2):
            await server.client()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
        writer.close()


async def test_requests_that_do_not_wait_for_their_answers_are_not_piled_up(app: Counted) -> None:
    app.reads.clear()
    async with listening(app) as server:
        reader, _ = await server.client(ASKED * 1000)
        assert await reader.read() == b""
        assert app.asked <= 1


async def test_a_few_of_them_are_answered_in_their_order(app: Counted) -> None:
    async with listening(app) as server:
        reader, _ = await server.client(b"".join(post(size) + b"x" * size for size in range(8)))
        for size in range(8):
            assert (await reader.readuntil(b"bytes")).endswith(f"{size} bytes".encode())


async def test_an_offer_of_another_protocol_is_passed_over(app: Counted) -> None:
    offer = b"GET / HTTP/1.1\r\nHost: tenant\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with listening(app) as server:
        reader, _ = await server.client(offer)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_what_is_no_http_is_told_so(app: Counted) -> None:
    async with listening(app) as server:
        reader, _ = await server.client(b"SSH-2.0-x\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
