"""A tenant's life by the command, on a real API server with the real operator."""

from __future__ import annotations

from tests.client.fleet.conftest import KEY, NAMESPACE, Create, Fleet


def test_a_tenant_is_made_and_told_as_json_and_nothing_else(fleet: Fleet, create: Create) -> None:
    made = create("customer1", "--domain", "memorybank.localhost", "--wait")

    assert made == {
        "tenant_id": "customer1",
        "api_key": KEY,
        "domain": "customer1.memorybank.localhost",
        "endpoint": "http://customer1.memorybank.localhost",
    }
    [listed] = fleet.done("list")
    assert (listed["tenant_id"], listed["namespace"], listed["phase"]) == ("customer1", NAMESPACE, "Ready")
