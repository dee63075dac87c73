"""One cluster for all end-to-end tests. It stays up afterwards, so that the next run is quick; `make down` ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.cluster.progress import Progress
from e2e.kubectl import Kubectl
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
