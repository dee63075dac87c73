"""Tenants made, listed, shown and deleted."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import add_everywhere, add_patience
from memorybank.cli.asking import confirm
from memorybank.cli.command import Command
from memorybank.cli.fleet.wishes import ID_RULE, add_new_tenant, new_tenant
from memorybank.cli.opening import the_fleet
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column
from memorybank.cli.units import shown_bytes

if TYPE_CHECKING:
    from memorybank.fleet.target import Target


def _create(target: Target, options: Namespace, progress: Progress) -> Any:
    wish = new_tenant(options, options.id)
    return target.create(wish, seconds=options.timeout, wait=options.wait, say=progress.say)


def _create_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=ID_RULE)
    add_new_tenant(parser)
    parser.add_argument("--wait", action="store_true", help="until it answers, and not only until it has a key")
    parser.add_argument("--if-not-exists", action="store_true", help="take one that is there with the same host name")
    add_patience(parser, 120)


def _list(target: Target, options: Namespace, progress: Progress) -> Any:
    return target.tenants(everywhere=options.everywhere)


def _info(target: Target, options: Namespace, progress: Progress) -> Any:
    return target.info(options.id)


def _info_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")


def _delete(target: Target, options: Namespace, progress: Progress) -> Any:
    if not options.force:
        return target.delete(options.id, seconds=options.timeout, say=progress.say)
    if not options.yes:
        what, warning = f"removing all data of tenant {options.id}", f"All memories and keys of tenant {options.id}"
        confirm(what, warning, options.id, progress)
    return target.erase(options.id, seconds=options.timeout, say=progress.say)


def _delete_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--force", action="store_true", help="with its volume and keys, for good")
    parser.add_argument("--yes", action="store_true", help="with --force: do not ask")
    add_patience(parser, 300)


COLUMNS = [
    Column("TENANT", lambda one: one["tenant_id"]),
    Column("NAMESPACE", lambda one: one["namespace"]),
    Column("PHASE", lambda one: one["phase"]),
    Column("READY", lambda one: one["ready"]),
    Column("AVAILABLE", lambda one: one["available"]),
    Column("MEMORIES", lambda one: one["memories"]),
    Column("USED", lambda one: shown_bytes(one["disk_used_bytes"])),
    Column("DISK", lambda one: one["disk"]),
    Column("ENDPOINT", lambda one: one["endpoint"]),
]

COMMANDS = [
    Command(
        "create",
        "make a tenant; prints its id, key, host name and address",
        _create,
        _create_arguments,
        """\
  memorybank create customer1 --domain example.com
  memorybank create customer2 --hostname memory.customer2.example --size 20Gi --wait
  memorybank create customer3 --domain example.com --api-key-stdin < key.txt""",
        opens=the_fleet,
    ),
    Command(
        "list",
        "the tenants of the namespace",
        _list,
        add_everywhere,
        """\
  memorybank list -o table
  memorybank list -A | jq -r '.[].tenant_id'""",
        columns=COLUMNS,
        opens=the_fleet,
    ),
    Command(
        "info",
        "all that is known of a tenant: its address, its conditions, its spec",
        _info,
        _info_arguments,
        "  memorybank info customer1 -o yaml",
        opens=the_fleet,
    ),
    Command(
        "delete",
        "stop a tenant and keep its data; with --force, remove all its data",
        _delete,
        _delete_arguments,
        """\
  memorybank delete customer1
  memorybank delete customer1 --force
  memorybank delete customer1 --force --yes""",
        opens=the_fleet,
    ),
]
