"""How a tenant is, and its forgetting."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import islice
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import EVERY_USER, add_scope
from memorybank.cli.command import Command
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column

if TYPE_CHECKING:
    from memorybank import MemoryBankClient


def _stats(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    return client.get_memory_stats()


def _run(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    return client.forgetting_run(dry_run=options.dry_run)


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be, and change nothing")


def _preview(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    outlooks = client.forgetting_preview(
        user_id=EVERY_USER if options.user is None else options.user, agent_id=options.agent, run_id=options.run
    )
    return list(islice(outlooks, options.limit))


def _preview_arguments(parser: ArgumentParser) -> None:
    add_scope(parser, user="whose memories; default: everyone's, for which the key needs the scope admin")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="how many at most (default %(default)s)")


def _health(client: MemoryBankClient, options: Namespace, progress: Progress) -> Any:
    return client.health_check()


COMMANDS = [
    Command("stats", "how many memories there are, and since when", _stats, examples="  memorybank stats -o table"),
    Command(
        "forgetting run",
        "run the forgetting now",
        _run,
        _run_arguments,
        "  memorybank forgetting run --dry-run\n  memorybank forgetting run",
    ),
    Command(
        "forgetting preview",
        "when each memory fades and why, what fades first first",
        _preview,
        _preview_arguments,
        "  memorybank forgetting preview --user ada -o table",
        columns=[
            Column("FADES", lambda outlook: outlook.fades_at and f"{outlook.fades_at:%Y-%m-%d %H:%M}"),
            Column("RETENTION", lambda outlook: outlook.retention),
            Column("STRENGTH", lambda outlook: outlook.strength),
            Column("USER", lambda outlook: outlook.user_id),
            Column("CONTENT", lambda outlook: outlook.content, stretches=True),
            Column("ID", lambda outlook: outlook.id),
        ],
    ),
    Command("health", "whether the tenant answers; needs no key", _health, examples="  memorybank health"),
]
