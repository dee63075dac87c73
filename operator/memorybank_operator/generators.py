"""Async generators that are left half way, closed in an order that suits them.

Kopf leaves those of its watches to the end of the event loop, which closes them in any order. Where one is closed
before the one that drives it, Python 3.11's contextlib takes that for a fault, and the log of a stop has an error.
"""

import itertools
import sys
import weakref
from collections.abc import AsyncGenerator
from types import AsyncGeneratorType
from typing import Any


class Generators:
    """Those of this thread that are begun while it is watching."""

    def __init__(self) -> None:
        self._begun: weakref.WeakValueDictionary[int, AsyncGeneratorType[Any, Any]] = weakref.WeakValueDictionary()
        self._numbers = itertools.count()

    def watch(self) -> None:
        """From within the running event loop, which takes its own hooks back when it ends."""
        of_loop = sys.get_asyncgen_hooks().firstiter

        def begun(generator: AsyncGenerator[Any, Any]) -> None:
            if isinstance(generator, AsyncGeneratorType):
                self._begun[next(self._numbers)] = generator
            if of_loop is not None:
                of_loop(generator)

        sys.set_asyncgen_hooks(firstiter=begun)

    async def close(self) -> None:
        """Every one that nobody is at: the outer before the inner, which cannot have begun earlier."""
        for number in sorted(self._begun):
            generator = self._begun.get(number)
            if generator is not None and not generator.ag_running:
                await generator.aclose()
