"""The command line read, the command done, its answer printed; every failure one sentence and a status."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memorybank import MemoryBankClient, address
from memorybank.cli import care, moving, remembering
from memorybank.cli.command import Command
from memorybank.cli.progress import Progress
from memorybank.cli.table import pairs, table
from memorybank.errors import ApiError, MemoryBankError
from memorybank.wire import plain

COMMANDS: Sequence[Command] = [*remembering.COMMANDS, *moving.COMMANDS, *care.COMMANDS]
GROUPS: Mapping[str, str] = {"forgetting": "the forgetting curve"}

DONE, REFUSED, WRONG_USE, NO_ANSWER, INTERRUPTED = 0, 1, 2, 3, 130
FAILURES = [(ApiError, REFUSED), (MemoryBankError, NO_ANSWER), (Exception, WRONG_USE)]
EPILOG = r"""
The tenant and its key:
  export MEMORYBANK_URL=http://customer1.memorybank.localhost
  export MEMORYBANK_API_KEY=$(kubectl -n customers get secret customer1-api-key \
      -o jsonpath='{.data.api-key}' | base64 -d)

Exit status: 0 done; 1 refused by the tenant; 2 wrong use; 3 no answer from the tenant; 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        complaint = _do(options.command, options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads our output has read enough; Python would say so once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (MemoryBankError, ValueError, OSError) as error:
        sys.stderr.write(f"memorybank: {_sentence(error)}\n")
        return next(status for kind, status in FAILURES if isinstance(error, kind))
    if complaint is not None:
        sys.stderr.write(f"memorybank: {complaint}\n")
        return REFUSED
    return DONE


def _sentence(error: Exception) -> str:
    """On one line, whatever stood in it."""
    sentence = str(error)
    if isinstance(error, OSError) and error.filename:
        sentence = f"{error.filename}: {error.strerror}"
    return " ".join(sentence.split())


def _do(command: Command, options: argparse.Namespace) -> str | None:
    with (
        MemoryBankClient(options.url, _key(options.api_key_file)) as client,
        Progress(f"waiting for {options.url}") as progress,
    ):
        answer = command.run(client, options, progress)
    if answer is not None:
        _print(command, answer, options.output)
    return command.complaint(answer)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="memorybank",
        description="Stores, finds and forgets a tenant's memories.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    everywhere = argparse.ArgumentParser(add_help=False)
    _add_common(everywhere, given=False)
    _add_common(top, given=True)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    groups: dict[str, Any] = {}
    for command in COMMANDS:
        *group, name = command.name.split()
        within = commands
        if group:
            [group_name] = group
            if group_name not in groups:
                grouped = commands.add_parser(group_name, help=GROUPS[group_name], description=GROUPS[group_name])
                groups[group_name] = grouped.add_subparsers(required=True, metavar="COMMAND")
            within = groups[group_name]
        one = within.add_parser(
            name,
            help=command.help,
            description=f"{command.help[:1].upper()}{command.help[1:]}.",
            epilog=f"examples:\n{command.examples}" if command.examples else None,
            parents=[everywhere],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(one)
        one.set_defaults(command=command)
    return top


def _add_common(to: argparse.ArgumentParser, *, given: bool) -> None:
    """Options that may stand before the command and after it; only the former have defaults."""

    def default(value: Any) -> Any:
        return value if given else argparse.SUPPRESS

    url = os.environ.get(address.URL_VARIABLE) or address.DEFAULT_URL
    to.add_argument(
        "--url",
        default=default(url),
        help=f"the tenant's address; default: ${address.URL_VARIABLE}, else {address.DEFAULT_URL}",
    )
    to.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        default=default(None),
        help=f"a file with the tenant's key, or - for standard input; default: ${address.KEY_VARIABLE}",
    )
    to.add_argument(
        "-o", "--output", choices=["json", "table"], default=default("json"), help="for programs (default), or to read"
    )


def _key(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
    except UnicodeError:
        raise ValueError("the key cannot be used: it is not UTF-8") from None


def _print(command: Command, answer: Any, form: str) -> None:
    if form == "json":
        text = json.dumps(plain(answer), indent=2, ensure_ascii=False) + "\n"
    elif command.columns:
        text = table(command.columns, command.rows(answer), shutil.get_terminal_size().columns)
    else:
        text = pairs(plain(answer))
    sys.stdout.write(text)
    sys.stdout.flush()
