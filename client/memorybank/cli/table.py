"""Answers as a person reads them: a table as wide as the terminal, or a name and a value a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GAP = "   "


@dataclass(frozen=True)
class Column:
    title: str
    value: Callable[[Any], Any]
    """Of a row."""
    stretches: bool = False
    """It takes the room that the others leave, and is cut there. One column of a table does."""


def table(columns: Sequence[Column], rows: Sequence[Any], width: int) -> str:
    cells = [[column.title for column in columns], *([shown(column.value(row)) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    for place, column in enumerate(columns):
        if column.stretches:
            others = sum(widths) - widths[place] + len(GAP) * (len(columns) - 1)
            widths[place] = max(len(column.title), min(widths[place], width - others))
    return "".join(
        GAP.join(_fit(cell, room) for cell, room in zip(line, widths, strict=True)).rstrip() + "\n" for line in cells
    )


def pairs(answer: Mapping[str, Any]) -> str:
    longest = max(map(len, answer), default=0)
    return "".join(f"{name.ljust(longest)}{GAP}{shown(value)}".rstrip() + "\n" for name, value in answer.items())


def shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    # Whatever was stored must not be able to move the cursor or colour the terminal.
    return "".join(character if character.isprintable() else " " for character in str(value))


def _fit(text: str, room: int) -> str:
    return text.ljust(room) if len(text) <= room else text[: room - 1] + "…"
