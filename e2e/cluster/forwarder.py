"""Leads connections from the host's loopback into the cluster's network.

Run as `python -m e2e.cluster.forwarder FD=HOST:PORT ...`. A socket belongs to the network that it was made in. The
listening sockets were made on the host and handed down as file descriptors; the connections that go out are made here,
inside.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

CHUNK = 1 << 16


@dataclass(frozen=True)
class Route:
    """From a listening socket's file descriptor to an address inside."""

    descriptor: int
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Route:
        descriptor, _, address = text.partition("=")
        host, _, port = address.rpartition(":")
        return cls(int(descriptor), host, int(port))

    def __str__(self) -> str:
        return f"{self.descriptor}={self.host}:{self.port}"


class Forwarder:
    """Serves routes until it is cancelled."""

    def __init__(self) -> None:
        self._connections: set[asyncio.Task[None]] = set()  # asyncio itself keeps no hold on its tasks

    async def serve(self, routes: list[Route]) -> None:
        servers = []
        for route in routes:
            listener = socket.socket(fileno=route.descriptor)
            servers.append(await asyncio.start_server(partial(self._accept, route), sock=listener))
        await asyncio.gather(*(server.serve_forever() for server in servers))

    def _accept(self, route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(connect(route, reader, writer))

    def _keep(self, connection: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(connection)
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)


async def connect(route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(route.host, route.port)
    except OSError:
        writer.transport.abort()  # refused inside is refused outside
        return
    try:
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
    except OSError:
        for each in (inner_writer, writer):  # what broke on one side is broken on the other
            each.transport.abort()
    else:
        for each in (inner_writer, writer):
            each.close()


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copies until the source's end, and hands on that end, so that half-closed connections stay what they are."""
    while chunk := await source.read(CHUNK):
        target.write(chunk)
        await target.drain()
    target.write_eof()


if __name__ == "__main__":
    asyncio.run(Forwarder().serve([Route.parse(argument) for argument in sys.argv[1:]]))
