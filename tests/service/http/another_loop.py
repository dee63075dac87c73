"""An application that lives in an event loop of its own, called from any other."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")


class AnotherLoop:
    """Runs a loop in a thread until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(_end_of_all())
        self._loop.close()

    def serving(self, app: ASGIApp) -> ASGIApp:
        """The application, to be called from another loop: a request is handed over whole, and so is its answer."""

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await _live(receive, send)
                return
            request = [await receive()]
            while request[-1].get("more_body", False):
                request.append(await receive())
            answer = asyncio.run_coroutine_threadsafe(_answer(app, scope, request), self._loop)
            for message in await asyncio.wrap_future(answer):
                await send(message)

        return call


async def _end_of_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _live(receive: Receive, send: Send) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


async def _answer(app: ASGIApp, scope: Scope, request: list[Message]) -> list[Message]:
    waiting, sent = iter(request), list[Message]()

    async def receive() -> Message:
        return next(waiting, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
