"""The restore drill: a backup is restored into a throw-away folder, a service is started on it, and asked."""

import itertools
import json
import tempfile
from pathlib import Path
from typing import Any, Final

import httpx

from memorybank_backup.catalog import Catalog, Manifest
from memorybank_backup.errors import DIFFERS, MISSING, BackupError
from memorybank_backup.restoring import restore
from memorybank_backup.sealing import Key
from memorybank_backup.serving import NotServingError, serving

_TENANT: Final = "drill"
_ASKED_WORDS: Final = 12
_LOOKED_AT: Final = 500


def drill(catalog: Catalog, backup_id: str, work: Path, *, key: Key | None) -> dict[str, Any]:
    """What was found, where all is as it was; raises BackupError where it is not. Nothing is left in `work`.

    `backup_id` empty: the latest.
    """
    if not backup_id:
        whole = catalog.survey().whole
        if not whole:
            raise BackupError(MISSING, "there is no backup to try out yet")
        backup_id = whole[0].id
    manifest = catalog.find(backup_id)
    with tempfile.TemporaryDirectory(prefix="drill-", dir=work) as folder:
        told = restore(catalog, backup_id, Path(folder, _TENANT), key=key)
        # Whoever was erased since is in the backup, and is erased at a true restore: here the backup is compared.
        Path(folder, _TENANT, "erasures.ndjson").unlink()
        try:
            with serving(Path(folder), _TENANT) as service, service.client() as client:
                found = _compared(client, manifest)
        except NotServingError as error:
            raise BackupError(DIFFERS, f"the backup was restored, but {error}") from error
        except httpx.HTTPError as error:
            message = f"the restored service does not answer: {error or type(error).__name__}"
            raise BackupError(DIFFERS, message) from error
    return {**told, "foundAgain": found}


def _compared(client: httpx.Client, manifest: Manifest) -> str | None:
    counted = _asked(client, "GET", "/memory_stats")["total_memories"]
    if counted != manifest.memories:
        message = f"the backup {manifest.id} was restored, and {counted} memories came back of {manifest.memories}"
        raise BackupError(DIFFERS, message)
    return _found_again(client) if manifest.memories else None


def _found_again(client: httpx.Client) -> str:
    """Asks for the words of one memory; the id of the one with these words that is found.

    Of the first ones, the one with the most words: a short one may have been said a hundred times.
    """
    with client.stream("GET", "/v1/export") as response:
        response.raise_for_status()
        lines = (json.loads(line) for line in response.iter_lines())
        memories = (line for line in lines if line["type"] == "memory")
        some = list(itertools.islice(memories, _LOOKED_AT))
    one = max(some, key=lambda memory: len(str(memory["content"]).split()))
    query = " ".join(str(one["content"]).split()[:_ASKED_WORDS])[:500]
    wanted = {"query": query, "include": ["faded", "expired", "superseded"], "top_k": 50, "reinforce": False}
    if one.get("user_id"):
        wanted["user_id"] = one["user_id"]
    results = _asked(client, "POST", "/v1/search", json=wanted)["results"]
    found = next((str(each["id"]) for each in results if each["content"] == one["content"]), None)
    if found is None:
        raise BackupError(DIFFERS, f"the memory {one['id']} was restored, and is not found by its own words")
    return found


def _asked(client: httpx.Client, method: str, path: str, **given: Any) -> dict[str, Any]:
    response = client.request(method, path, **given)
    if not response.is_success:
        raise BackupError(DIFFERS, f"the restored service answers {response.status_code} to {method} {path}")
    return dict(response.json())
