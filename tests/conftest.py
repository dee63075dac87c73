"""Marks each test by the heaviest thing that its fixtures start, so that `make test-unit` and the like can choose."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, or to be made, on a busy machine says nothing about what is tested.
settings.register_profile("memorybank", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("memorybank")

STARTED_BY = {
    "running": "node",
    "probe_archive": "node",
    "plane": "plane",
    "audited": "plane",
    "api": "plane",
    "helm": "plane",
    "service": "process",
    "provider_process": "process",
    "new_process": "process",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for fixture, marker in STARTED_BY.items():
            if fixture in fixtures:
                item.add_marker(marker)
