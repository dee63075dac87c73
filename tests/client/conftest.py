"""A real memory service for the client to speak to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

KEY = "mb_key-of-the-client-tests"


@dataclass(frozen=True)
class Service:
    url: str
    key: str


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    port, metrics_port = _free_port(), _free_port()
    program = Path(sys.executable).with_name("memorybank-service")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "API_KEY": KEY,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "CHROMA_DB_PATH": str(tmp_path_factory.mktemp("data")),
        "RATE_LIMIT_RPS": "0",
    } | {name: os.environ[name] for name in ("XDG_CACHE_HOME", "MEMORYBANK_MODEL_DIR") if name in os.environ}
    process = subprocess.Popen([str(program)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process)
        yield Service(url, KEY)
    finally:
        process.terminate()
        process.communicate()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    with httpx.Client(transport=httpx.HTTPTransport()) as client:
        while process.poll() is None:
            try:
                if client.get(f"{url}/readyz").is_success:
                    return
            except httpx.ConnectError:
                continue
    raise AssertionError(f"the service ended: {process.communicate()[1].decode()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
