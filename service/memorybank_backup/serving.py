"""A memory service started in this pod, on a folder that has a tenant's memories, for this program alone."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

_START_SECONDS: Final = 300.0
_NEVER_HOURS: Final = "87600"


class NotServingError(Exception):
    """It does not start, or does not become ready."""


@dataclass(frozen=True)
class Service:
    url: str
    key: str

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, trust_env=False)


@contextlib.contextmanager
def serving(root: Path, tenant: str) -> Iterator[Service]:
    """The memories below `root`/`tenant`, on the loopback interface; nothing is forgotten meanwhile.

    Raises NotServingError.
    """
    with tempfile.TemporaryDirectory(prefix="home-") as home:
        service, process, reader = _started(root, tenant, Path(home))
        try:
            yield service
        finally:
            process.terminate()
            process.wait()
            reader.join()


def _started(root: Path, tenant: str, home: Path) -> tuple[Service, "subprocess.Popen[str]", threading.Thread]:
    key = secrets.token_urlsafe(32)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "MEMORYBANK_MODEL_DIR", "TMPDIR")}
    variables = {
        **kept,
        "HOME": str(home),
        "API_KEY": key,
        "TENANT_ID": tenant,
        "CHROMA_DB_PATH": str(root),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "METRICS_PORT": "0",
        "EMBEDDING_PROVIDER": "local",
        "FORGETTING_INTERVAL_HOURS": _NEVER_HOURS,
        "MAINTENANCE_INTERVAL_HOURS": _NEVER_HOURS,
        "RATE_LIMIT_RPS": "0",
    }
    command = [sys.executable, "-m", "memorybank_service"]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = list[str]()
    port: list[int] = []
    listening = threading.Event()
    reader = threading.Thread(target=_listen, args=(process, lines, port, listening), daemon=True)
    reader.start()
    try:
        listening.wait(_START_SECONDS)
        service = Service(f"http://127.0.0.1:{port[0]}", key) if port else None
        if service is None or not _becomes_ready(service, process):
            process.terminate()
            reader.join()
            last = " ".join(lines[-1:]) or "it said nothing"
            raise NotServingError(f"a service does not start on the memories: {last[:500]}")
    except BaseException:
        process.terminate()
        process.wait()
        reader.join()
        raise
    return service, process, reader


def _becomes_ready(service: Service, process: "subprocess.Popen[str]") -> bool:
    ends = time.monotonic() + _START_SECONDS
    with service.client() as client:
        while time.monotonic() < ends and process.poll() is None:
            try:
                if client.get("/readyz").status_code == 200:
                    return True
            except httpx.TransportError:
                return False  # it has ended meanwhile
            time.sleep(0.1)
    return False


def _listen(process: "subprocess.Popen[str]", lines: list[str], port: list[int], listening: threading.Event) -> None:
    for line in process.stdout or ():
        lines[:] = [*lines[-20:], line.strip()]
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if told.get("message") == "listening":
                port.append(int(told["port"]))
                listening.set()
    listening.set()
