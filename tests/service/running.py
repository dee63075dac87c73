"""The service as a process of its own, on ports that the system chose."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from memorybank_service.settings import load_settings
from tests.service.waiting import until

KEY = "a-key-of-the-tests"


class RunningService:
    def __init__(self, folder: Path, within: Sequence[str] = (), **variables: str) -> None:
        """`within`: a command that runs the rest of its arguments, in its own place."""
        self._clients: list[httpx.Client] = []
        self.log_file = folder / f"service-{len(list(folder.glob('service-*.log')))}.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*within, sys.executable, "-m", "memorybank_service"],
                env=environment(folder, **variables),
                stdout=log,
                stderr=log,
                cwd=folder,
            )

    def log(self) -> list[dict[str, object]]:
        """The lines so far; one that is just being written is left out."""
        lines = self.log_file.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def says(self, words: str) -> bool:
        return any(words in str(line["message"]) for line in self.log())

    def client(self) -> httpx.Client:
        """Once it listens."""
        until(lambda: self.says("listening"))
        [line] = [line for line in self.log() if line["message"] == "listening"]
        address = f"http://127.0.0.1:{line['port']}"
        client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {KEY}"}, timeout=20)
        self._clients.append(client)
        return client

    def ready(self) -> httpx.Client:
        client = self.client()
        until(lambda: client.get("/readyz").status_code == 200)
        return client

    def end(self) -> int:
        """Asks it to stop, and waits until it has."""
        self.process.terminate()
        return self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.kill()


def environment(folder: Path, **variables: str) -> Mapping[str, str]:
    """Only what is said here, and a home directory that shows what a library leaves behind."""
    (folder / "home").mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "MEMORYBANK_MODEL_DIR": str(load_settings({**os.environ, "API_KEY": KEY}).model_directory),
        "CHROMA_DB_PATH": str(folder / "data"),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "METRICS_PORT": "0",
        "RATE_LIMIT_RPS": "0",
        "API_KEY": KEY,
        **variables,
    }


@contextmanager
def running(folder: Path, within: Sequence[str] = (), **variables: str) -> Iterator[RunningService]:
    service = RunningService(folder, within, **variables)
    try:
        yield service
    finally:
        service.close()
