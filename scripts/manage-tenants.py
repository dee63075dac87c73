#!/usr/bin/env python3
"""The deployment guide's commands, handed on to `memorybank`: create, list, info, stats, update, delete.

  manage-tenants.py create [ID | --tenant-id ID] [--domain BASE] [--api-key KEY]
  manage-tenants.py list
  manage-tenants.py info ID
  manage-tenants.py stats [--tenant-id ID]
  manage-tenants.py update ID VERSION | --all VERSION
  manage-tenants.py delete ID [--force]

What else is given (-n NAMESPACE, --context NAME, --wait) goes on to the command as it is. JSON comes on standard
output, errors on standard error, and the exit status is the command's. On a terminal it asks for what is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

OWN = Path(__file__).resolve().parents[1] / ".venv" / "bin" / "memorybank"
OF_ONE_TENANT = ("MEMORYBANK_URL", "MEMORYBANK_API_KEY")
"""They would make `stats` ask one tenant instead of all."""


def main() -> int:
    options, rest = _parser().parse_known_args()
    arguments: list[str] = [options.action]
    key: str | None = None
    if options.action == "create":
        arguments.append(options.id or options.tenant_id or _asked("Tenant's id: ", "an id is missing"))
        domain = options.domain if options.domain is not None else _asked("Base domain (may be empty): ")
        if domain:
            arguments += ["--domain", domain]
        key = options.api_key
        if key is not None:
            arguments.append("--api-key-stdin")
    elif options.action == "info":
        arguments.append(options.id or options.tenant_id or _asked("Tenant's id: ", "an id is missing"))
    elif options.action == "stats" and (options.id or options.tenant_id):
        arguments += ["--tenant-id", options.id or options.tenant_id]
    elif options.action == "delete":
        arguments.append(options.id or options.tenant_id or _asked("Tenant's id: ", "an id is missing"))
        if options.force:
            # As in the guide, --force is the last word where nobody can be asked.
            arguments += ["--force"] if sys.stdin.isatty() and not options.yes else ["--force", "--yes"]
    elif options.action == "update":
        arguments += options.words
    environment = {name: value for name, value in os.environ.items() if name not in OF_ONE_TENANT}
    return subprocess.run(
        [_command(), *arguments, *rest], input=key, text=True, env=environment, check=False
    ).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = _action(actions, "create", "make a tenant")
    create.add_argument("--domain", metavar="BASE", help="the tenant is reached at ID.BASE")
    create.add_argument("--api-key", metavar="KEY", help="its key; generated if not given")
    actions.add_parser("list", help="all tenants, as a JSON array")
    _action(actions, "info", "all that is known of a tenant")
    _action(actions, "stats", "how many memories there are: of one tenant, else of each")
    update = actions.add_parser("update", help="run another version")
    update.add_argument("words", nargs="*", metavar="ID VERSION")
    delete = _action(actions, "delete", "stop a tenant and keep its data")
    delete.add_argument("--force", action="store_true", help="remove its data too")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help: str
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=help)
    action.add_argument("id", nargs="?", metavar="ID")
    action.add_argument("--tenant-id", metavar="ID", help="the same")
    return action


def _asked(question: str, missing: str | None = None) -> str:
    """What a person types; never a question where there is no terminal."""
    said = ""
    if sys.stdin.isatty():
        sys.stderr.write(question)
        sys.stderr.flush()
        said = sys.stdin.readline().strip()
    if not said and missing is not None:
        sys.stderr.write(f"manage-tenants.py: {missing}\n")
        sys.exit(2)
    return said


def _command() -> str:
    """$MEMORYBANK, or the command on the path, or the one that `make setup` installs."""
    found = os.environ.get("MEMORYBANK") or shutil.which("memorybank") or (str(OWN) if OWN.exists() else None)
    if found is None:
        sys.stderr.write("manage-tenants.py: there is no `memorybank` command: pip install './client[kubernetes]'\n")
        sys.exit(2)
    return found


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
