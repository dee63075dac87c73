"""The forwarder between two sides of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from e2e.cluster.forwarder import Route
from e2e.cluster.paths import ROOT
from e2e.cluster.processes import free_ports


@pytest.fixture
def inner() -> int:
    return free_ports(1)[0]


@pytest.fixture
def outer(inner: int) -> Iterator[int]:
    """The port of a forwarder to the port `inner`."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        route = Route(listener.fileno(), "127.0.0.1", inner)
        command = [sys.executable, "-m", "e2e.cluster.forwarder", str(route)]
        port = int(listener.getsockname()[1])
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()])
    with process:
        yield port
        process.kill()


async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers once it has heard all, for which a connection must be closable one way."""
    writer.write((await reader.read()).upper())
    writer.close()


async def exchange(port: int, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


def test_a_route_is_read_as_it_is_written() -> None:
    route = Route(7, "10.77.0.1", 6443)
    assert Route.parse(str(route)) == route


async def test_many_connections_at_once_each_get_their_own_answer(inner: int, outer: int) -> None:
    async with await asyncio.start_server(answer_at_the_end, "127.0.0.1", inner):
        texts = [f"memory {number} ".encode() * 20_000 for number in range(60)]
        answers = await asyncio.gather(*(exchange(outer, text) for text in texts))
    gc.collect()
    assert answers == [text.upper() for text in texts]


async def test_what_nobody_listens_to_inside_is_closed_outside(outer: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", outer)
    assert await reader.read() == b""
    writer.close()


async def test_a_client_that_breaks_off_ends_the_connection_inside(inner: int, outer: int) -> None:
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", inner):
        _, writer = await asyncio.open_connection("127.0.0.1", outer)
        writer.write(b"half a ")
        await writer.drain()
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), 5)
