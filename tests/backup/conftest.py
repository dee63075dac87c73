"""A tenant as a process, and destinations: a folder, and a bucket of a real server that speaks S3."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.running import RunningService, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """The tenant that is backed up; `default` by name."""
    folder = tmp_path / "tenant"
    folder.mkdir()
    with running(folder) as started:
        yield started


@pytest.fixture
def tenant(service: RunningService) -> httpx.Client:
    return service.ready()
