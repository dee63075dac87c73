"""mem0's official client, in an environment and a process of its own: its dependencies and ours do not go together."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memorybank_service.settings import cache_directory

ROOT = Path(__file__).parents[4]
LOCK = ROOT / "requirements/mem0.txt"


class Mem0Error(Exception):
    """What the client raised: its class and its message."""

    def __init__(self, kind: str, message: str, code: str | None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.code = kind, message, code


class Mem0:
    """The client's methods, by their names; what they raise comes as Mem0Error."""

    def __init__(self, process: "subprocess.Popen[str]", client: str, host: str, key: str) -> None:
        self._process, self._client, self._host, self._key = process, client, host, key

    def __getattr__(self, method: str) -> Any:
        return lambda *args, **kwargs: self.call(method, *args, **kwargs)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        order = {"client": self._client, "host": self._host, "key": self._key, "method": method}
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a process without pipes")
        self._process.stdin.write(json.dumps({**order, "args": args, "kwargs": kwargs}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"mem0's client has ended with {self._process.wait(10)}")
        outcome = json.loads(line)
        if "error" in outcome:
            raise Mem0Error(outcome["error"], outcome["message"], outcome["code"])
        return outcome["result"]


@contextmanager
def official_client(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """One process for all tests of a module: importing the client takes seconds. `folder` is its home."""
    process = subprocess.Popen(
        [installed(), Path(__file__).with_name("driver.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "MEM0_DIR": str(folder / "mem0")},
    )
    try:
        yield process
    finally:
        process.communicate(timeout=20)


def installed() -> Path:
    """The interpreter of an environment with the locked client, made in the user's cache the first time."""
    fingerprint = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    environment = cache_directory(os.environ) / f"mem0-{fingerprint}"
    python = environment / "bin/python"
    environment.mkdir(parents=True, exist_ok=True)
    with environment.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests at once make it once
        if not (environment / "complete").exists():
            _install(environment, python)
    return python


def _install(environment: Path, python: Path) -> None:
    venv.create(environment, clear=True)
    index = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(LOCK)],
        env={**os.environ, **({"UV_DEFAULT_INDEX": index} if index else {})},
        check=True,
    )
    (environment / "complete").touch()
