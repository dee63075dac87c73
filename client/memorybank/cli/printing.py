"""An answer as it was asked for: JSON or YAML for programs, tables for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memorybank.cli.command import Command
from memorybank.cli.table import Column, pairs, table
from memorybank.wire import plain

FORMS = ("json", "table", "yaml")
WIDE = 400


def write(command: Command, answer: Any, form: str) -> None:
    sys.stdout.write(text(command, answer, form))
    sys.stdout.flush()


def text(command: Command, answer: Any, form: str) -> str:
    if form == "json":
        return json.dumps(plain(answer), indent=2, ensure_ascii=False) + "\n"
    if form == "yaml":
        return _yaml(plain(answer))
    if command.columns:
        return table(command.columns, command.rows(answer), width())
    if isinstance(answer, list):
        return table(_columns(answer), answer, width())
    return pairs(dict(_flat(plain(answer))))


def width() -> int:
    """Of the terminal; where there is none, nothing need be cut."""
    return shutil.get_terminal_size((WIDE, 24)).columns


def _flat(answer: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in parts of it too, each by its whole name."""
    for name, value in answer.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) and "type" in one for one in value):
            for one in value:
                yield f"{prefix}{one['type']}", f"{one['status']} ({one['reason']}): {one['message']}"
        else:
            yield prefix + name, value


def _yaml(answer: Any) -> str:
    try:
        import yaml
    except ImportError:
        raise ValueError("-o yaml needs a library: pip install 'memorybank[kubernetes]'") from None
    written: str = yaml.safe_dump(answer, sort_keys=False, allow_unicode=True)
    return written


def _columns(rows: Sequence[dict[str, Any]]) -> list[Column]:
    """Each name that any row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [Column(name.upper(), _entry(name), stretches=name == "error") for name in names]


def _entry(name: str) -> Any:
    return lambda row: row.get(name)
