"""The process that asks providers, with a record of every connection that it makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memorybank_service.llm.process import ProviderProcess

_WATCH = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        line = arguments[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        line = arguments[0]
    elif event == "import" and arguments[0] == "litellm":
        line = "litellm was imported"
    else:
        return
    with open({log!r}, "a") as log:
        print(line, file=log)

sys.addaudithook(watch)
"""


@contextmanager
def watched_process(log: Path) -> Iterator[ProviderProcess]:
    """A line in `log` for each connection, from before its first import on."""
    (log.parent / "sitecustomize.py").write_text(_WATCH.format(log=str(log)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(log.parent))
        process = ProviderProcess()
    yield process
    process.close()
