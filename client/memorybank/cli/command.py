"""What a command of `memorybank` is made of: words for `--help`, its arguments, and what it does."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from memorybank.cli.opening import Opening, a_memory
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column


@dataclass(frozen=True)
class Command:
    name: str
    """Several words where it is a command of a group: `forgetting run`."""
    help: str
    run: Callable[[Any, Namespace, Progress], Any]
    """Of what `opens` opened. What it returns is printed; None: nothing is."""
    configure: Callable[[ArgumentParser], None] = lambda parser: None
    examples: str = ""
    columns: Sequence[Column] = ()
    """Of the table that `-o table` prints of a list; without, it prints a name and a value a line."""
    rows: Callable[[Any], Sequence[Any]] = lambda answer: answer
    """The list in what `run` returns."""
    complaint: Callable[[Any], str | None] = lambda answer: None
    """What was refused of it, although the rest was done."""
    opens: Callable[[Namespace, Progress], AbstractContextManager[Opening]] = a_memory
    """What it works on: a tenant's memory, or what runs the tenants."""
    output: str = "json"
    """How it prints unless told otherwise."""
