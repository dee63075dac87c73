"""A server on loopback that a test plays byte by byte, and that leaves no connection behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(play: Play) -> AsyncIterator[int]:
    """The port at which `play` is asked to deal with each connection. None outlasts the context."""
    playing: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            playing.add(task)
        # Who has asked may be gone at any moment.
        with contextlib.suppress(EOFError, ConnectionError):
            try:
                await play(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
        await server.wait_closed()
