"""What is wished of a tenant or a backup that is to be made, read from the command line."""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memorybank.fleet.target import BackupWish, NewTenant

TENANT_ID, LONGEST_ID = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), 40
ID_RULE = f"at most {LONGEST_ID} lower-case letters, digits and '-', beginning with a letter"
SPEC_VARIABLE = "MEMORYBANK_TENANT_SPEC"


def new_tenant(options: Namespace, id: str) -> NewTenant:
    """Raises ValueError for what can be none."""
    from memorybank.fleet.keys import checked
    from memorybank.fleet.target import NewTenant

    if not TENANT_ID.fullmatch(id) or len(id) > LONGEST_ID:
        raise ValueError(f"{id!r} can be no tenant's id: {ID_RULE}")
    hostname = options.hostname if options.domain is None else f"{id}.{options.domain.strip('.')}"
    spec = _spec(options.spec)
    if options.size is not None:
        spec["storage"] = {**spec.get("storage", {}), "size": options.size}
    if options.image is not None:
        spec["image"] = options.image
    key = checked(sys.stdin.read().strip()) if options.api_key_stdin else None
    return NewTenant(id, hostname, key, spec, getattr(options, "if_not_exists", False))


def add_new_tenant(parser: ArgumentParser) -> None:
    named = parser.add_mutually_exclusive_group()
    named.add_argument("--domain", metavar="BASE", help="the base domain: the tenant is reached at ID.BASE")
    named.add_argument("--hostname", metavar="FQDN", help="its whole host name; without either: within the cluster")
    parser.add_argument("--api-key-stdin", action="store_true", help="its key comes on standard input; else generated")
    parser.add_argument("--size", metavar="20Gi", help="of its volume")
    parser.add_argument("--image", metavar="IMAGE", help="of the memory service; default: the operator's")
    parser.add_argument(
        "--spec",
        type=Path,
        metavar="FILE",
        help=f"the rest of its spec as JSON or YAML (TLS, limits, models); default: the file ${SPEC_VARIABLE} names",
    )


def backup_wish(options: Namespace) -> BackupWish:
    from memorybank.fleet.target import BackupWish

    return BackupWish(getattr(options, "name", None), destination(options), encryption(options))


def add_destination(parser: ArgumentParser, default: str) -> None:
    """`default` says what it means to give none."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--claim", metavar="NAME", help=f"a PersistentVolumeClaim that has backups; default: {default}")
    where.add_argument(
        "--destination", type=Path, metavar="FILE", help="a destination as in spec.backup.destination, as JSON or YAML"
    )
    parser.add_argument(
        "--encryption-key", metavar="SECRET/FIELD", help="where a key of age stands; a destination's own has none"
    )


def destination(options: Namespace) -> dict[str, Any] | None:
    if options.claim is not None:
        return {"pvc": {"claimName": options.claim}}
    if options.destination is None:
        return None
    found = from_file(options.destination)
    if not isinstance(found, dict) or set(found) not in ({"pvc"}, {"s3"}):
        raise ValueError(
            f"{options.destination} is no destination: `pvc: {{claimName: ...}}`, or"
            " `s3: {bucket: ..., credentialsSecretRef: {name: ...}}`"
        )
    return found


def encryption(options: Namespace) -> dict[str, str] | None:
    if options.encryption_key is None:
        return None
    name, _, field = options.encryption_key.partition("/")
    if not name or not field:
        raise ValueError(f"--encryption-key {options.encryption_key!r} is not of the form SECRET/FIELD")
    return {"name": name, "key": field}


def _spec(file: Path | None) -> dict[str, Any]:
    """The spec alone, or a whole MemoryBankTenant that has one."""
    chosen = file or (Path(os.environ[SPEC_VARIABLE]) if os.environ.get(SPEC_VARIABLE) else None)
    if chosen is None:
        return {}
    found = from_file(chosen)
    if isinstance(found, dict) and "kind" in found:
        found = found.get("spec")
    if not isinstance(found, dict):
        raise ValueError(f"{chosen} is no spec of a tenant: fields such as `storage: {{size: 20Gi}}`")
    return found


def from_file(file: Path) -> Any:
    """What JSON or YAML says there."""
    text = file.read_text()
    try:
        return json.loads(text)
    except ValueError:
        return _yaml(text, file)


def _yaml(text: str, file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is neither JSON nor YAML: {error}") from None
