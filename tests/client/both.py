"""The asynchronous client in the form of the synchronous one, so that one test tells of both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from memorybank import AsyncMemoryBankClient, MemoryBankClient

Kind = Callable[..., AbstractContextManager[MemoryBankClient]]


class Blocking:
    """Runs what an asynchronous client is asked, on an event loop of its own."""

    def __init__(self, client: AsyncMemoryBankClient, runner: asyncio.Runner) -> None:
        self._client, self._runner = client, runner

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._client, name)

        def blocking(*arguments: Any, **named: Any) -> Any:
            result = asked(*arguments, **named)
            if isinstance(result, AsyncMemoryBankClient):
                return Blocking(result, self._runner)
            if hasattr(result, "__aiter__"):
                return self._all_of(result)
            return self._runner.run(result) if hasattr(result, "__await__") else result

        return blocking

    def _all_of(self, entries: Any) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(entries)

        try:
            while True:
                try:
                    yield self._runner.run(following())
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(entries.aclose())


def synchronous(*arguments: Any, **named: Any) -> MemoryBankClient:
    return MemoryBankClient(*arguments, **named)


@contextmanager
def asynchronous(*arguments: Any, sleep: Callable[[float], None] | None = None, **named: Any) -> Iterator[Any]:
    async def sleeping(seconds: float) -> None:
        cast("Callable[[float], None]", sleep)(seconds)

    if sleep is not None:
        named["sleep"] = sleeping
    with asyncio.Runner() as runner:
        client = AsyncMemoryBankClient(*arguments, **named)
        try:
            yield Blocking(client, runner)
        finally:
            runner.run(_closed(client.close()))


async def _closed(closing: Awaitable[None]) -> None:
    await closing


KINDS: list[Kind] = [synchronous, asynchronous]
