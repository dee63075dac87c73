"""Tenants made, listed, shown and deleted."""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memorybank.cli.arguments import add_everywhere, add_patience
from memorybank.cli.command import Command
from memorybank.cli.opening import the_fleet
from memorybank.cli.progress import Progress
from memorybank.cli.table import Column
from memorybank.cli.units import shown_bytes

if TYPE_CHECKING:
    from memorybank.fleet.target import Target

TENANT_ID, LONGEST_ID = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), 40
ID_RULE = f"at most {LONGEST_ID} lower-case letters, digits and '-', beginning with a letter"
SPEC_VARIABLE = "MEMORYBANK_TENANT_SPEC"


def _create(target: Target, options: Namespace, progress: Progress) -> Any:
    from memorybank.fleet.kubernetes.keys import checked
    from memorybank.fleet.target import NewTenant

    if not TENANT_ID.fullmatch(options.id) or len(options.id) > LONGEST_ID:
        raise ValueError(f"{options.id!r} can be no tenant's id: {ID_RULE}")
    hostname = options.hostname if options.domain is None else f"{options.id}.{options.domain.strip('.')}"
    spec = _spec(options.spec)
    if options.size is not None:
        spec["storage"] = {**spec.get("storage", {}), "size": options.size}
    if options.image is not None:
        spec["image"] = options.image
    key = checked(sys.stdin.read().strip()) if options.api_key_stdin else None
    wish = NewTenant(options.id, hostname, key, spec, options.if_not_exists)
    return target.create(wish, seconds=options.timeout, wait=options.wait, say=progress.say)


def _create_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=ID_RULE)
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--domain", metavar="BASE", help="the base domain: the tenant is reached at ID.BASE")
    named.add_argument("--hostname", metavar="FQDN", help="its whole host name; without either: within the cluster")
    parser.add_argument("--api-key-stdin", action="store_true", help="its key comes on standard input; else generated")
    parser.add_argument("--wait", action="store_true", help="until it answers, and not only until it has a key")
    parser.add_argument("--if-not-exists", action="store_true", help="take one that is there with the same host name")
    parser.add_argument("--size", metavar="20Gi", help="of its volume")
    parser.add_argument("--image", metavar="IMAGE", help="of the memory service; default: the operator's")
    parser.add_argument(
        "--spec",
        type=Path,
        metavar="FILE",
        help=f"the rest of its spec as JSON or YAML (TLS, limits, models); default: the file ${SPEC_VARIABLE} names",
    )
    add_patience(parser, 120)


def _spec(file: Path | None) -> dict[str, Any]:
    """The spec alone, or a whole MemoryBankTenant that has one."""
    chosen = file or (Path(os.environ[SPEC_VARIABLE]) if os.environ.get(SPEC_VARIABLE) else None)
    if chosen is None:
        return {}
    text = chosen.read_text()
    try:
        found = json.loads(text)
    except ValueError:
        found = _yaml(text, chosen)
    if isinstance(found, dict) and "kind" in found:
        found = found.get("spec")
    if not isinstance(found, dict):
        raise ValueError(f"{chosen} is no spec of a tenant: fields such as `storage: {{size: 20Gi}}`")
    return found


def _yaml(text: str, file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is neither JSON nor YAML: {error}") from None


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
        _ask(options.id, progress)
    return target.erase(options.id, seconds=options.timeout, say=progress.say)


def _ask(tenant: str, progress: Progress) -> None:
    """Raises ValueError unless a person says yes to it."""
    if not sys.stdin.isatty():
        raise ValueError(f"removing all data of tenant {tenant} wants --yes where no terminal can be asked")
    with progress.held():
        sys.stderr.write(f"All memories and keys of tenant {tenant} will be gone for good. Type its id to go on: ")
        sys.stderr.flush()
        said = sys.stdin.readline().strip()
    if said != tenant:
        raise ValueError("nothing was deleted")


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
