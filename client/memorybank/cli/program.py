"""The command line read, the command done, its answer printed; every failure one sentence and a status."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memorybank import address
from memorybank.cli import care, completion, moving, opening, printing, remembering
from memorybank.cli.command import Command
from memorybank.cli.fleet import keeping, life, looking, running
from memorybank.cli.progress import Progress
from memorybank.errors import ApiError, MemoryBankError
from memorybank.fleet.errors import NotInTimeError, RefusedError

PROGRAM, PLUGIN = "memorybank", "kubectl memorybank"

COMMANDS: Sequence[Command] = [
    *life.COMMANDS,
    *running.COMMANDS,
    *keeping.COMMANDS,
    *looking.COMMANDS,
    *remembering.COMMANDS,
    *moving.COMMANDS,
    *care.COMMANDS,
    completion.command(lambda: parser(PROGRAM)),
]
GROUPS: Mapping[str, str] = {"forgetting": "the forgetting curve"}

DONE, REFUSED, WRONG_USE, NO_ANSWER, NOT_IN_TIME, FAULT, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130
DEBUG_VARIABLE = "MEMORYBANK_DEBUG"
FAILURES = [
    (ApiError, REFUSED),
    (RefusedError, REFUSED),
    (NotInTimeError, NOT_IN_TIME),
    (MemoryBankError, NO_ANSWER),
    (Exception, WRONG_USE),
]
CALLED = re.compile(r"(?<![\w/.'-])memorybank (?=[a-z-])")
"""Where a text shows how the command is called."""
EPILOG = """
Tenants are looked for in the cluster and the namespace of the kubeconfig's context; with --target compose, among the
containers of this machine. A tenant's memory is the one of --tenant there, else the one at --url with the key in
$MEMORYBANK_API_KEY.

Exit status: 0 done; 1 refused; 2 wrong use; 3 no answer; 4 not done in time; 70 a fault of
the command itself; 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    options = parser(program).parse_args(arguments)
    try:
        complaint = _do(options.command, options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads our output has read enough; Python would say so once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (MemoryBankError, ValueError, OSError) as error:
        _complain(program, _sentence(error))
        return next(status for kind, status in FAILURES if isinstance(error, kind))
    except Exception as error:
        # Whoever calls this from a program reads sentences; whoever mends it wants the whole.
        if os.environ.get(DEBUG_VARIABLE):
            raise
        _complain(program, f"this is a fault of the command itself; ${DEBUG_VARIABLE}=1 shows where: {error!r}")
        return FAULT
    if complaint is not None:
        _complain(program, complaint)
        return REFUSED
    return DONE


def plugin() -> int:
    """`kubectl memorybank`: kubectl runs what is called kubectl-memorybank."""
    return main(program=PLUGIN)


def _complain(program: str, sentence: str) -> None:
    sys.stderr.write(f"{program}: {_as_called(program, sentence)}\n")


def _as_called(program: str, text: str) -> str:
    return CALLED.sub(f"{program} ", text)


def _sentence(error: Exception) -> str:
    """On one line, whatever stood in it."""
    sentence = str(error)
    if isinstance(error, OSError) and error.filename:
        sentence = f"{error.filename}: {error.strerror}"
    return " ".join(sentence.split())


def _do(command: Command, options: argparse.Namespace) -> str | None:
    with Progress("waiting") as progress, command.opens(options, progress) as opened:
        answer = command.run(opened, options, progress)
    if answer is not None:
        printing.write(command, answer, options.output or command.output)
    return command.complaint(answer)


def parser(program: str = PROGRAM) -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog=program,
        description="Makes and runs tenants; stores, finds and forgets a tenant's memories.",
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
            epilog=_as_called(program, f"examples:\n{command.examples}") if command.examples else None,
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

    to.add_argument("--tenant", metavar="ID", default=default(None), help="a tenant that is run here, by its id")
    to.add_argument(
        "--target",
        choices=opening.TARGETS,
        default=default(None),
        help="what runs the tenants: a cluster, or containers of this machine; default:"
        f" ${opening.TARGET_VARIABLE}, else {opening.TARGETS[0]}",
    )
    to.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        default=default(None),
        help="of the tenants of --target compose; default: $MEMORYBANK_FOLDER, else ~/.local/share/memorybank",
    )
    to.add_argument("-n", "--namespace", metavar="NAME", default=default(None), help="default: the context's")
    to.add_argument("--context", metavar="NAME", default=default(None), help="of the kubeconfig; default: its current")
    to.add_argument("--kubeconfig", metavar="FILE", default=default(None), help="default: $KUBECONFIG")
    to.add_argument(
        "--url",
        default=default(None),
        help=f"a tenant's address; default: ${address.URL_VARIABLE}, else {address.DEFAULT_URL}",
    )
    to.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        default=default(None),
        help=f"a file with the tenant's key, or - for standard input; default: ${address.KEY_VARIABLE}",
    )
    to.add_argument(
        "-o",
        "--output",
        choices=printing.FORMS,
        default=default(None),
        help="json or yaml for programs, table to read",
    )
