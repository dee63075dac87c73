"""`memorybank-backup`: takes a tenant's backup, restores one, or tries one out, and tells as JSON what came of it."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from memorybank_backup.catalog import Catalog, Retention
from memorybank_backup.destination import Bucket, Destination, Folder
from memorybank_backup.drilling import drill
from memorybank_backup.errors import SETTINGS, TENANT_UNREACHABLE, BackupError
from memorybank_backup.restoring import restore
from memorybank_backup.sealing import AgeKey
from memorybank_backup.serving import NotServingError, serving
from memorybank_backup.taking import take
from memorybank_backup.tenant import Tenant

FAILED: Final = 1
HOPELESS: Final = 2
"""Another attempt ends the same way."""
_MOST_TOLD: Final = 4000
"""Bytes of a container's termination message."""
_EPILOG: Final = """\
Settings come from the environment:

  BACKUP_DESTINATION   {"folder": PATH} or {"s3": {"bucket", "prefix", "endpoint", "region"}}
  BACKUP_UNDER         the tenant's folder there, such as customers/customer1
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
  ENCRYPTION_KEY_FILE  a key of age (AGE-SECRET-KEY-1...); without it nothing is encrypted
  RESULT_FILE          where the result is written too, as for a container's termination message

  take:     TENANT_URL, API_KEY_FILE, TENANT_ID, BACKUP_KEY (the same for each attempt at one backup),
            BACKUP_RETENTION {"count", "days"}, LAST_ATTEMPT (true: the tenant keeps no copy of a failed one)
  final:    CHROMA_DB_PATH, TENANT_ID, BACKUP_KEY, BACKUP_RETENTION, LAST_ATTEMPT: of a volume that no service has
  restore:  BACKUP_ID, CHROMA_DB_PATH, TENANT_ID, ERASURES_FILE (receipts as JSON lines, if there are any)
  drill:    BACKUP_ID (default: the latest), WORK_FOLDER

example:

  TENANT_URL=http://127.0.0.1:8000 API_KEY_FILE=key TENANT_ID=ada BACKUP_UNDER=ada \\
      BACKUP_DESTINATION='{"folder": "/backups"}' memorybank-backup take
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="memorybank-backup",
        description="Backups of a tenant outside its volume.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=tuple(_DO))
    what = parser.parse_args().what
    variables = os.environ
    try:
        told, status = {"what": what, **_DO[what](variables)}, 0
    except BackupError as error:
        told, status = (
            {"what": what, "reason": error.reason, "message": error.message},
            (HOPELESS if error.hopeless else FAILED),
        )
    text = json.dumps(told)
    if status:
        sys.stderr.write(f"memorybank-backup: {told['message']}\n")
    sys.stdout.write(text + "\n")
    if path := variables.get("RESULT_FILE"):
        Path(path).write_text(_short(told))
    return status


def _take(variables: Mapping[str, str]) -> dict[str, Any]:
    return _taken(variables, _text(variables, "TENANT_URL"), _file(variables, "API_KEY_FILE"))


def _final(variables: Mapping[str, str]) -> dict[str, Any]:
    root, tenant = Path(_text(variables, "CHROMA_DB_PATH")), _text(variables, "TENANT_ID")
    _catalog(variables)  # what is wrong with the destination is known before a service is started
    try:
        with serving(root, tenant) as service:
            return _taken(variables, service.url, service.key)
    except (NotServingError, httpx.HTTPError) as error:
        raise BackupError(TENANT_UNREACHABLE, str(error) or type(error).__name__) from error


def _taken(variables: Mapping[str, str], url: str, api_key: str) -> dict[str, Any]:
    keep = _json(variables, "BACKUP_RETENTION", "{}")
    with Tenant(url, api_key) as tenant:
        return take(
            tenant,
            _catalog(variables),
            _text(variables, "TENANT_ID"),
            _text(variables, "BACKUP_KEY", "backup"),
            seal=_key(variables),
            keep=Retention(keep.get("count"), keep.get("days")),
            is_last=variables.get("LAST_ATTEMPT") == "true",
        )


def _restore(variables: Mapping[str, str]) -> dict[str, Any]:
    directory = Path(_text(variables, "CHROMA_DB_PATH"), _text(variables, "TENANT_ID"))
    told = Path(variables.get("ERASURES_FILE") or os.devnull)
    erasures = [json.loads(line) for line in (told.read_text().splitlines() if told.exists() else ()) if line.strip()]
    key = _key(variables)
    return restore(_catalog(variables), _text(variables, "BACKUP_ID"), directory, key=key, erasures=erasures)


def _drill(variables: Mapping[str, str]) -> dict[str, Any]:
    work = Path(_text(variables, "WORK_FOLDER"))
    return drill(_catalog(variables), variables.get("BACKUP_ID", ""), work, key=_key(variables))


_DO: Final = {"take": _take, "final": _final, "restore": _restore, "drill": _drill}


def _catalog(variables: Mapping[str, str]) -> Catalog:
    return Catalog(_destination(variables), _text(variables, "BACKUP_UNDER"))


def _destination(variables: Mapping[str, str]) -> Destination:
    told = _json(variables, "BACKUP_DESTINATION")
    if "folder" in told:
        return Folder(Path(told["folder"]))
    if "s3" in told and told["s3"].get("bucket"):
        return Bucket(told["s3"], variables)
    message = 'BACKUP_DESTINATION names no destination: {"folder": PATH} or {"s3": {"bucket": NAME}}'
    raise BackupError(SETTINGS, message, hopeless=True)


def _key(variables: Mapping[str, str]) -> AgeKey | None:
    return AgeKey(_file(variables, "ENCRYPTION_KEY_FILE")) if variables.get("ENCRYPTION_KEY_FILE") else None


def _text(variables: Mapping[str, str], name: str, default: str = "") -> str:
    value = variables.get(name, "").strip() or default
    if not value:
        raise BackupError(SETTINGS, f"{name} is not set: see memorybank-backup --help", hopeless=True)
    return value


def _file(variables: Mapping[str, str], name: str) -> str:
    path = _text(variables, name)
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError) as error:
        raise BackupError(SETTINGS, f"{name}: {path} cannot be read: {error}", hopeless=True) from error


def _json(variables: Mapping[str, str], name: str, default: str = "") -> dict[str, Any]:
    try:
        told = json.loads(_text(variables, name, default))
    except ValueError as error:
        raise BackupError(SETTINGS, f"{name} is no JSON: {error}", hopeless=True) from error
    if not isinstance(told, dict):
        raise BackupError(SETTINGS, f"{name} is no JSON object", hopeless=True)
    return told


def _short(told: Mapping[str, Any]) -> str:
    """In as many bytes as a termination message has."""
    text = json.dumps(told)
    if len(text) <= _MOST_TOLD:
        return text
    removed = list(told.get("removed") or ())
    while removed and len(text) > _MOST_TOLD:
        removed = removed[: len(removed) // 2]
        text = json.dumps({**told, "removed": removed})
    return text[:_MOST_TOLD]


if __name__ == "__main__":
    sys.exit(main())
