"""What SQLite says when it cannot read becomes an error of the store: a sentence, and no surprise to whoever asked."""

import functools
import sqlite3
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from memorybank_service.store import StoreError

P = ParamSpec("P")
R = TypeVar("R")
Store = TypeVar("Store")


def telling(store: type[Store]) -> type[Store]:
    """For a class whose public methods read a database, those that it inherits from our own classes included."""
    for base in reversed(store.__mro__):
        for name, method in vars(base).items():
            if base is not object and not name.startswith("_") and callable(method):
                setattr(store, name, _telling(method))
    return store


def _telling(method: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(method)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except sqlite3.Error as error:
            raise StoreError(f"the store could not be read: {error}") from error

    return told
