"""The program as a pod runs it: settings in the environment, the result as JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from memorybank_service.settings import load_settings
from tests.service.running import KEY

UNDER = "customers/customer1"


@dataclass(frozen=True)
class Ended:
    status: int
    told: Mapping[str, Any]
    errors: str


def memorybank_backup(what: str, folder: Path, variables: Mapping[str, str]) -> Ended:
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    ended = subprocess.run(
        [sys.executable, "-m", "memorybank_backup", what],
        env={"PATH": os.environ["PATH"], "RESULT_FILE": str(result), "BACKUP_UNDER": UNDER, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return Ended(ended.returncode, json.loads(result.read_text()), ended.stderr)


def of_tenant(folder: Path, client: httpx.Client) -> dict[str, str]:
    """What `take` has to know of a tenant."""
    key = folder / "key"
    key.write_text(KEY)
    return {"TENANT_URL": str(client.base_url), "API_KEY_FILE": str(key), "TENANT_ID": "customer1"}


def at_folder(folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    return {"BACKUP_DESTINATION": json.dumps({"folder": str(folder)})}


def model() -> dict[str, str]:
    return {"MEMORYBANK_MODEL_DIR": str(load_settings({**os.environ, "API_KEY": KEY}).model_directory)}


def store(client: httpx.Client, *texts: str, user: str = "ada") -> list[str]:
    memories = [{"content": text, "user_id": user} for text in texts]
    answer = client.post("/v1/memories/batch", json={"memories": memories})
    assert answer.status_code < 300, answer.text
    return [one["id"] for one in answer.json()["results"]]
