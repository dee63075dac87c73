"""Completion of the command by the shell, written from the parser itself."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from memorybank.cli.command import Command
from memorybank.cli.opening import nothing
from memorybank.cli.progress import Progress

SHELLS = ("bash", "zsh", "fish")


def command(parser: Callable[[], ArgumentParser]) -> Command:
    """The command that prints the completion of what this parser reads."""

    def run(opened: None, options: Namespace, progress: Progress) -> Any:
        import shtab

        sys.stdout.write(shtab.complete(parser(), options.shell))

    return Command(
        "completion",
        "print the completion of this command for a shell",
        run,
        _arguments,
        """\
  eval "$(memorybank completion bash)"
  memorybank completion zsh > "${fpath[1]}/_memorybank"
  memorybank completion fish > ~/.config/fish/completions/memorybank.fish""",
        opens=nothing,
    )


def _arguments(to: ArgumentParser) -> None:
    to.add_argument("shell", choices=SHELLS)
