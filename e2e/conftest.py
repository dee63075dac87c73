"""One cluster and one engine for all end-to-end tests. The cluster stays up afterwards: `make down` ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster.progress import Progress
from e2e.images import PROGRAMS, archive
from e2e.kubectl import Kubectl
from e2e.podman import Podman, podman
from e2e.stack import Stack, bring_up
from e2e.tenants import NAMESPACE, NAMESPACE_MANIFEST


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    stack = bring_up(Progress())
    stack.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    stack.kubectl.apply(NAMESPACE_MANIFEST)
    yield stack
    stack.kubectl("delete", "namespace", NAMESPACE, "--wait")


@pytest.fixture(scope="session")
def kubectl(stack: Stack) -> Kubectl:
    return stack.kubectl


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """podman, with the service's image; nothing is left of it afterwards."""
    with podman(tmp_path_factory.mktemp("podman")) as engine:
        engine("podman", "load", "--quiet", f"--input={archive(PROGRAMS['service'], Progress())}")
        yield engine
