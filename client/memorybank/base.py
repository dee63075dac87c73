"""What both clients are made with, and what their methods look like to a reader, an editor and a type checker."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, overload

from memorybank.address import address
from memorybank.attempts import Retrying

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

DEFAULT_TIMEOUT, DEFAULT_RETRIES, DEFAULT_WAIT = 30.0, 3, 60.0


class BaseClient:
    """The settings of a client, which hold for each of its requests."""

    def __init__(
        self, base_url: str | None, api_key: str | None, timeout: float | None, max_retries: int, max_wait: float
    ) -> None:
        self._address = address(base_url, api_key)
        self._timeout = timeout
        self._retrying = Retrying(max_retries=max_retries, most_waiting=max_wait)

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> Self:
        """A client with other settings on the same connections: `bank.with_options(timeout=2).search(...)`."""
        other = copy.copy(self)
        if timeout is not None:
            other._timeout = timeout
        if max_retries is not None:
            other._retrying = replace(self._retrying, max_retries=max_retries)
        return other

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.shown!r})"  # the key is not shown


class Method(Protocol[P, R_co]):
    """To a type checker, what `method` returns: it takes the endpoint's arguments and returns an R."""

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], R_co]: ...
    @overload
    def __get__(self, client: object, owner: type) -> Callable[P, R_co]: ...


def method(build: Callable[..., Any], done_by: str, result: str = "{}") -> Any:
    """A method of a client, from the endpoint that describes it and the client's method that does such.

    It has the endpoint's words and arguments. `result` says what `help` shows for an endpoint that returns a `Call[X]`.
    What is wrong with the arguments is raised at the call, also where the result is an iterator or to be awaited.
    """

    @functools.wraps(build)
    def sent(client: Any, /, *arguments: Any, **named: Any) -> Any:
        return getattr(client, done_by)(build(*arguments, **named))

    signature = inspect.signature(build)
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    inner = str(signature.return_annotation).partition("[")[2].removesuffix("]") or "dict[str, Any]"
    vars(sent)["__signature__"] = signature.replace(
        parameters=[this, *signature.parameters.values()], return_annotation=result.format(inner)
    )
    return sent
