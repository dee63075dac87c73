import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from memorybank_operator.generators import Generators

MANY = 40


@contextlib.asynccontextmanager
async def block() -> AsyncIterator[None]:
    yield


async def watch() -> AsyncIterator[int]:
    """As Kopf's: a generator within a generator."""
    async with block():
        yield 1


def complaints(generators: Generators | None) -> list[str]:
    """What the event loop says at its end of many watches that were left half way."""
    said: list[str] = []

    async def leave() -> list[AsyncIterator[int]]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
        if generators is not None:
            generators.watch()
        left: list[AsyncIterator[Any]] = [watch() for _ in range(MANY)]
        for one in left:
            assert await anext(one) == 1
        if generators is not None:
            await generators.close()
        return left

    asyncio.run(leave())
    return said


def test_watches_that_are_left_half_way_end_without_a_complaint() -> None:
    assert complaints(None) != []  # what it is there for
    assert complaints(Generators()) == []


def test_a_generator_that_has_ended_is_not_kept() -> None:
    async def main() -> int:
        generators = Generators()
        generators.watch()
        for _ in range(MANY):
            async for _ in watch():
                pass
        return len(generators._begun)

    assert asyncio.run(main()) == 0
