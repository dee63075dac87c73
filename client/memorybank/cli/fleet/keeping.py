"""Tenants kept: backups taken and listed, tenants that begin with one, and persons erased from all that is kept."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import add_everywhere, add_patience
from memorybank.cli.asking import confirm
from memorybank.cli.command import Command
from memorybank.cli.fleet.wishes import (
    ID_RULE,
    add_destination,
    add_new_tenant,
    backup_wish,
    destination,
    encryption,
    new_tenant,
)
from memorybank.cli.opening import one_memory, the_fleet
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column
from memorybank.cli.units import shown_bytes

if TYPE_CHECKING:
    from memorybank import MemoryBankClient
    from memorybank.fleet.target import Target

HOUR = 3600


def _back_up(target: Target, options: Namespace, progress: Progress) -> Any:
    if options.all or options.everywhere:
        if options.id is not None or options.name is not None:
            raise ValueError("backup --all takes neither an id nor a --name")
        return _back_up_all(target, options, progress)
    if options.id is None:
        raise ValueError("backup takes a tenant's id, or --all")
    wish = backup_wish(options)
    return target.back_up(options.id, wish, seconds=options.timeout, wait=options.wait, say=progress.say)


def _back_up_all(target: Target, options: Namespace, progress: Progress) -> list[dict[str, Any]]:
    """One after the other; one that fails keeps none of the others from theirs."""
    from memorybank.fleet.errors import FleetError

    wish, answers = backup_wish(options), list[dict[str, Any]]()
    told = target.tenants(everywhere=options.everywhere)
    for place, tenant in enumerate(told, 1):
        name, namespace, began = tenant["tenant_id"], tenant["namespace"], time.monotonic()
        try:
            within = target.within(namespace)
            done = within.back_up(name, wish, seconds=options.timeout, wait=options.wait, say=progress.say)
            answers.append(done)
        except FleetError as error:
            answers.append({"tenant_id": name, "namespace": namespace, "phase": "Failed", "error": str(error)})
        phase, seconds = answers[-1]["phase"], time.monotonic() - began
        progress.note(f"{place} of {len(told)}: {name} {phase} ({seconds:.1f} s)")
    return answers


def _not_backed_up(answer: Any) -> str | None:
    if not isinstance(answer, list):
        return None
    errors = [one for one in answer if one.get("error")]
    return f"{len(errors)} of {len(answer)} tenants were not backed up: {errors[0]['error']}" if errors else None


def _backup_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID")
    parser.add_argument("--all", action="store_true", help="every tenant of the namespace, one after the other")
    parser.add_argument("--name", metavar="NAME", help="of the backup; default: the tenant's id and the time")
    add_destination(parser, "the tenant's spec.backup")
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until it is whole")
    add_everywhere(parser)
    add_patience(parser, HOUR)


def _list(target: Target, options: Namespace, progress: Progress) -> Any:
    return target.backups(options.id, everywhere=options.everywhere)


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="default: every tenant's")
    add_everywhere(parser)


def _restore(target: Target, options: Namespace, progress: Progress) -> Any:
    from memorybank.fleet.target import RestoreSource

    there = destination(options)
    if (options.backup is None) == (options.from_id is None) or (there is None) != (options.from_id is None):
        raise ValueError("restore takes either --backup, or --from-id and where that lies (--claim or --destination)")
    source = RestoreSource(options.backup, there, options.from_id, encryption(options))
    wish = new_tenant(options, options.id)
    return target.restore(wish, source, seconds=options.timeout, wait=options.wait, say=progress.say)


def _restore_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=f"of the new tenant: {ID_RULE}")
    parser.add_argument("--backup", metavar="NAME", help="one that `memorybank backups` lists")
    parser.add_argument("--from-id", metavar="NAMESPACE/TENANT/BACKUP", help="its folder at a destination")
    add_destination(parser, "the backup's own")
    add_new_tenant(parser)
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until it answers")
    add_patience(parser, HOUR)


def _clone(target: Target, options: Namespace, progress: Progress) -> Any:
    wish, through = new_tenant(options, options.new), backup_wish(options)
    return target.clone(options.id, wish, through, seconds=options.timeout, wait=options.wait, say=progress.say)


def _clone_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the tenant that there is")
    parser.add_argument("new", metavar="NEW", help=f"the id of the new one: {ID_RULE}")
    add_destination(parser, "the tenant's spec.backup")
    add_new_tenant(parser)
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until it answers")
    add_patience(parser, HOUR)


def _erase(opened: tuple[MemoryBankClient, Target | None], options: Namespace, progress: Progress) -> Any:
    from memorybank.wire import plain

    client, target = opened
    if not options.yes:
        warning = f"All memories of user {options.user}, and all made of them,"
        confirm(f"erasing user {options.user}", warning, options.user, progress)
    progress.say(f"erasing {options.user}")
    receipt = client.erase_user(options.user, delete_backups=options.delete_backups)
    kept = None
    if target is not None:
        # All of them: also those whose noting was broken off, and those that were asked for without this command.
        kept = target.note_erasures(options.tenant, client.erasures())
    return {"user_id": options.user, **plain(receipt), "noted_in": kept}


def _erase_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="ID", help="whom")
    parser.add_argument("--delete-backups", action="store_true", help="and the copies on the tenant's own volume")
    parser.add_argument("--yes", action="store_true", help="do not ask")


COLUMNS = [
    Column("BACKUP", lambda one: one.get("backup")),
    Column("TENANT", lambda one: one["tenant_id"]),
    Column("NAMESPACE", lambda one: one["namespace"]),
    Column("PHASE", lambda one: one["phase"]),
    Column("TAKEN", lambda one: one.get("taken_at")),
    Column("MEMORIES", lambda one: one.get("memories")),
    Column("SIZE", lambda one: shown_bytes(one.get("bytes"))),
    Column("VERIFIED", lambda one: one.get("verified")),
    Column("LOCATION", lambda one: one.get("location")),
    Column("MESSAGE", lambda one: one.get("error") or one.get("message"), stretches=True),
]

COMMANDS = [
    Command(
        "backup",
        "take a backup of a tenant, outside its volume",
        _back_up,
        _backup_arguments,
        """\
  memorybank backup customer1
  memorybank backup customer1 --name before-the-move --claim backups
  memorybank backup --all -o table""",
        columns=COLUMNS,
        rows=lambda answer: answer if isinstance(answer, list) else [answer],
        complaint=_not_backed_up,
        opens=the_fleet,
    ),
    Command(
        "backups",
        "the backups there are: of a tenant, else of all in the namespace",
        _list,
        _list_arguments,
        "  memorybank backups customer1 -o table\n  memorybank backups -A",
        columns=COLUMNS,
        opens=the_fleet,
    ),
    Command(
        "restore",
        "make a tenant that begins with a backup, and wait until it answers",
        _restore,
        _restore_arguments,
        """\
  memorybank restore customer1-again --backup before-the-move --domain example.com
  memorybank restore customer1 --from-id customers/customer1/20270115T080000Z-5f0e8f0c --claim backups""",
        opens=the_fleet,
    ),
    Command(
        "clone",
        "make a tenant that is as another one is now, with keys of its own",
        _clone,
        _clone_arguments,
        "  memorybank clone customer1 customer1-test --domain example.com",
        opens=the_fleet,
    ),
    Command(
        "erase",
        "erase a person for good, and have a restore of an older backup erase them again; prints the receipt",
        _erase,
        _erase_arguments,
        "  memorybank erase --user ada --tenant customer1\n  memorybank erase --user ada --tenant customer1 --yes",
        opens=one_memory,
    ),
]
