"""A tenant's memory by its name in the cluster: through the API server, as its address leads nowhere from here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memorybank.fleet.kubernetes.reaching import leads_to
from tests.client.conftest import Service
from tests.client.fleet.conftest import Create, Fleet


def test_a_memory_is_stored_found_and_forgotten_with_nothing_but_the_tenants_name(
    fleet: Fleet, customer: dict[str, Any]
) -> None:
    stored = fleet.done("--tenant", "customer1", "store", "Ada takes the night train to Vienna", "--user", "byron")
    found = fleet.done("search", "how does Ada travel?", "--user", "byron", "--tenant", "customer1")
    table = fleet.run("search", "train", "--tenant", "customer1", "-o", "table")
    exported = fleet.run("export", "--tenant", "customer1", "--user", "byron")

    assert [memory["id"] for memory in found] == [stored["id"]]
    assert table.out.startswith("SCORE")
    assert json.loads(exported.out.splitlines()[-1])["type"] == "end"
    assert fleet.done("forget", stored["id"], "--tenant", "customer1")["status"] == "deleted"


def test_a_key_that_the_tenant_does_not_take_is_refused_with_status_1(fleet: Fleet, create: Create) -> None:
    create("locked", "--wait")

    refused = fleet.run("search", "x", "--tenant", "locked")

    assert (refused.status, refused.out) == (1, "")
    assert len(refused.err.splitlines()) == 1


def test_of_all_tenants_one_that_does_not_answer_keeps_no_other_from_it(
    fleet: Fleet, create: Create, customer: dict[str, Any]
) -> None:
    create("silent")
    fleet.done("hibernate", "silent")

    stats = fleet.run("stats")
    forgotten = fleet.run("forgetting", "run", "--all", "--dry-run")

    for ended, figure in ((stats, "total_memories"), (forgotten, "faded")):
        assert ended.status == 1
        told = {one["tenant_id"]: one for one in ended.json}
        assert "sleeps" in told["silent"]["error"]
        assert isinstance(told["customer1"][figure], int)
        assert ended.err.startswith("memorybank: 1 of ")


def test_one_tenants_figures_are_asked_by_its_id(fleet: Fleet, customer: dict[str, Any]) -> None:
    assert "total_memories" in fleet.done("stats", "--tenant-id", "customer1")
    assert fleet.done("forgetting", "run", "--tenant", "customer1", "--dry-run")["status"]
    assert fleet.done("health", "--tenant", "customer1")["tenant_id"] == "customer1"
    both = fleet.run("forgetting", "run", "--tenant", "customer1", "--all")
    assert (both.status, both.err) == (2, "memorybank: either --tenant or --all\n")


def test_an_address_is_taken_only_where_the_tenant_itself_answers_and_never_shown_the_key(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMORYBANK_API_KEY", "mb_of-somebody-else")

    assert leads_to(service.url, "default")
    assert not leads_to(service.url, "customer1")
    assert not leads_to("http://127.0.0.1:1", "default")
    assert not leads_to("http://customer1.customers.svc", "customer1")
