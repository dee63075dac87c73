"""What every answer of the service is like. Times are datetimes in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar, overload

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Record:
    """An answer, or a part of one."""

    aliases: ClassVar[frozenset[str]] = frozenset()
    """Names under which the service says a second time what is said already, for clients of another kind."""

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What a newer service says and this client does not know."""


class Results(Sequence[T]):
    """An answer that is read like a list of its results."""

    results: tuple[T, ...]

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.results[index]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list."""

    results: tuple[T, ...]
    next_cursor: str | None
    """What to ask the next part with; None: this is the last."""
    total: int | None = None
    """On all pages together, where the service says so."""
