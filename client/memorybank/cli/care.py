"""How a tenant is, and its forgetting."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import EVERY_USER, add_everywhere, add_scope
from memorybank.cli.command import Command
from memorybank.cli.fleet.each import each_memory
from memorybank.cli.opening import Opening, a_memory, one_or_all, the_fleet
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column

if TYPE_CHECKING:
    from memorybank import MemoryBankClient


def _stats(opened: Any, options: Namespace, progress: Progress) -> Any:
    from memorybank import MemoryBankClient

    if isinstance(opened, MemoryBankClient):
        return opened.get_memory_stats()
    return each_memory(opened, options, progress, lambda client: client.get_memory_stats())


def _stats_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--tenant-id", dest="tenant", default=SUPPRESS, metavar="ID", help="the same as --tenant")
    add_everywhere(parser)


def _run(opened: Any, options: Namespace, progress: Progress) -> Any:
    if not options.all:
        return opened.forgetting_run(dry_run=options.dry_run)
    return each_memory(opened, options, progress, lambda client: client.forgetting_run(dry_run=options.dry_run))


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="of every tenant in the cluster's namespace")
    parser.add_argument("--dry-run", action="store_true", help="say what would be, and change nothing")
    add_everywhere(parser)


def _run_on(options: Namespace, progress: Progress) -> AbstractContextManager[Opening]:
    if not (options.all or options.everywhere):
        return a_memory(options, progress)
    if options.tenant is not None:
        raise ValueError("either --tenant or --all")
    options.all = True
    return the_fleet(options, progress)


def _unreached(answer: Any) -> str | None:
    """Of all tenants, those that gave no answer."""
    errors = [one for one in answer if one.get("error")] if isinstance(answer, list) else []
    return f"{len(errors)} of {len(answer)} tenants gave no answer" if errors else None


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
    Command(
        "stats",
        "how many memories there are, and since when: of one tenant, else of all in the cluster's namespace",
        _stats,
        _stats_arguments,
        "  memorybank stats --tenant-id customer1 -o table\n  memorybank stats -A",
        opens=one_or_all,
        complaint=_unreached,
    ),
    Command(
        "forgetting run",
        "run the forgetting now",
        _run,
        _run_arguments,
        "  memorybank forgetting run --dry-run\n  memorybank forgetting run --tenant customer1\n"
        "  memorybank forgetting run --all",
        opens=_run_on,
        complaint=_unreached,
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
