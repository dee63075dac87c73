"""Completion of the command by the shell, written from the parser itself."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from memorybank.cli.command import Command
from memorybank.cli.opening import nothing
from memorybank.cli.progress import Progress

SHELLS = ("bash", "zsh", "fish")


def _completion(opened: None, options: Namespace, progress: Progress) -> Any:
    import shtab

    from memorybank.cli.program import parser

    sys.stdout.write(shtab.complete(parser(), options.shell))


def _completion_arguments(to: ArgumentParser) -> None:
    to.add_argument("shell", choices=SHELLS)


COMMANDS = [
    Command(
        "completion",
        "print the completion of this command for a shell",
        _completion,
        _completion_arguments,
        """\
  eval "$(memorybank completion bash)"
  memorybank completion zsh > "${fpath[1]}/_memorybank"
  memorybank completion fish > ~/.config/fish/completions/memorybank.fish""",
        opens=nothing,
    )
]
