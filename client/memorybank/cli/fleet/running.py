"""Tenants that run: another version, another key, asleep or left alone, and what they say."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import add_everywhere, add_patience
from memorybank.cli.command import Command
from memorybank.cli.opening import the_fleet
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column

if TYPE_CHECKING:
    from memorybank.fleet.target import Target


def _update(target: Target, options: Namespace, progress: Progress) -> Any:
    """One after the other; those after the first that fails are left as they are."""
    if options.all or options.everywhere:
        if len(options.words) != 1:
            raise ValueError("update --all takes one word: the version")
        return _update_all(target, options, progress)
    if len(options.words) != 2:
        raise ValueError("update takes a tenant's id and the version; or --all and the version")
    name, version = options.words
    return target.update(name, version, seconds=options.timeout, say=progress.say)


def _update_all(target: Target, options: Namespace, progress: Progress) -> list[dict[str, Any]]:
    from memorybank.fleet.errors import FleetError

    told = target.tenants(everywhere=options.everywhere)
    answers: list[dict[str, Any]] = []
    failed = False
    for place, tenant in enumerate(told, 1):
        name, namespace, began = tenant["tenant_id"], tenant["namespace"], time.monotonic()
        head = {"tenant_id": name, "namespace": namespace}
        if failed or tenant["phase"] == "Paused":
            reason = "an earlier one failed" if failed else f"it is paused: memorybank resume {name}"
            answers.append({**head, "status": "skipped", "error": reason if failed else None, "message": reason})
            continue
        try:
            done = target.within(namespace).update(name, options.words[0], seconds=options.timeout, say=progress.say)
            answers.append({**head, **done})
        except FleetError as error:
            failed = True
            answers.append({**head, "status": "failed", "error": str(error)})
        seconds = time.monotonic() - began
        progress.note(f"{place} of {len(told)}: {name} {answers[-1]['status']} ({seconds:.1f} s)")
    return answers


def _stopped(answer: Any) -> str | None:
    if not isinstance(answer, list):
        return None
    failure = next((one for one in answer if one["status"] == "failed"), None)
    skipped = sum(one["status"] == "skipped" and one["error"] is not None for one in answer)
    return failure and f"{failure['error']}; {skipped} tenants after it were left as they are"


def _update_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="ID VERSION", help="VERSION: a tag, or a whole image")
    parser.add_argument("--all", action="store_true", help="every tenant of the namespace, one after the other")
    add_everywhere(parser)
    add_patience(parser, 600)


def _rotate(target: Target, options: Namespace, progress: Progress) -> Any:
    return target.rotate_key(options.id, options.key, seconds=options.timeout, say=progress.say)


def _rotate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--key", default="default", metavar="NAME", help="which of its keys (default %(default)s)")
    add_patience(parser, 120)


def _switch(state: str) -> Callable[[Target, Namespace, Progress], Any]:
    def run(target: Target, options: Namespace, progress: Progress) -> Any:
        return target.switch(options.id, state, seconds=options.timeout, say=progress.say)

    return run


def _switch_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    add_patience(parser, 300)


def _logs(target: Target, options: Namespace, progress: Progress) -> Any:
    from memorybank.fleet.target import LogLines

    lines = LogLines(options.follow, options.previous, options.tail, options.since)
    pieces = target.logs(options.id, lines)
    for piece in pieces:
        progress.stop()
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _logs_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as it says more")
    parser.add_argument("--previous", action="store_true", help="of the container before this one, which ended")
    parser.add_argument("--tail", type=int, metavar="N", help="the last N lines only")
    parser.add_argument("--since", type=int, metavar="SECONDS", help="of the last SECONDS only")


COMMANDS = [
    Command(
        "update",
        "run another version of the memory service, and wait until it answers",
        _update,
        _update_arguments,
        """\
  memorybank update customer1 v1.1.0
  memorybank update customer1 registry.example.com/memorybank/service:v1.1.0
  memorybank update --all v1.1.0""",
        columns=[
            Column("TENANT", lambda one: one["tenant_id"]),
            Column("NAMESPACE", lambda one: one.get("namespace")),
            Column("STATUS", lambda one: one["status"]),
            Column("IMAGE", lambda one: one.get("image")),
            Column("MESSAGE", lambda one: one.get("error") or one.get("message"), stretches=True),
        ],
        rows=lambda answer: answer if isinstance(answer, list) else [answer],
        complaint=_stopped,
        opens=the_fleet,
    ),
    Command(
        "rotate-key",
        "make a tenant's key anew and print it; the old one opens for a day yet",
        _rotate,
        _rotate_arguments,
        "  memorybank rotate-key customer1\n  memorybank rotate-key customer1 --key reader",
        opens=the_fleet,
    ),
    Command(
        "hibernate",
        "end a tenant's pod; its volume, keys and address stay",
        _switch("hibernate"),
        _switch_arguments,
        "  memorybank hibernate customer1",
        opens=the_fleet,
    ),
    Command(
        "wake",
        "let a hibernated tenant run again, and wait until it answers",
        _switch("wake"),
        _switch_arguments,
        "  memorybank wake customer1",
        opens=the_fleet,
    ),
    Command(
        "pause",
        "have the operator leave a tenant alone, so that it can be worked on by hand",
        _switch("pause"),
        _switch_arguments,
        "  memorybank pause customer1",
        opens=the_fleet,
    ),
    Command(
        "resume",
        "have the operator take a paused tenant up again",
        _switch("resume"),
        _switch_arguments,
        "  memorybank resume customer1",
        opens=the_fleet,
    ),
    Command(
        "logs",
        "what a tenant's pod says, a JSON object a line",
        _logs,
        _logs_arguments,
        "  memorybank logs customer1 -f --tail 20\n  memorybank logs customer1 --previous",
        opens=the_fleet,
    ),
]
