"""A real server that speaks S3 (versitygw), on loopback, with a folder behind it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster.build import program
from e2e.cluster.components import COMPONENTS
from e2e.cluster.progress import Progress
from tests.service.waiting import until

ACCESS_KEY, SECRET_KEY = "tests-access-key", "tests-secret-key"


class S3Server:
    """Buckets are the folders in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._binary = program(COMPONENTS["versitygw"], Progress())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
        with (self.folder.parent / "s3.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "--port", f"127.0.0.1:{self._port}", "posix", str(self.folder)],
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder.parent), **keys},
                stdout=log,
                stderr=log,
                cwd=self.folder.parent,
            )
        until(self._answers)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def _answers(self) -> bool:
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    (folder / "buckets" / "backups").mkdir(parents=True)
    server = S3Server(folder / "buckets")
    try:
        yield server
    finally:
        server.end()
