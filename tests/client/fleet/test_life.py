"""A tenant's life by the command, on a real API server with the real operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.client.fleet.conftest import KEY, NAMESPACE, Create, Fleet


def test_a_tenant_is_made_and_told_as_json_and_nothing_else(fleet: Fleet, customer: dict[str, Any]) -> None:
    assert customer == {
        "tenant_id": "customer1",
        "api_key": KEY,
        "domain": "customer1.fleet.localhost",
        "endpoint": "http://customer1.fleet.localhost",
    }
    [listed] = [one for one in fleet.done("list") if one["tenant_id"] == "customer1"]
    assert (listed["namespace"], listed["phase"], listed["endpoint"]) == (NAMESPACE, "Ready", customer["endpoint"])


def test_a_key_is_generated_where_none_is_given(fleet: Fleet, create: Create) -> None:
    made = create("generated", "--hostname", "memory.generated.example")

    assert made["api_key"].startswith("mb_")
    assert (made["domain"], made["endpoint"]) == ("memory.generated.example", "http://memory.generated.example")
    assert fleet.kubectl(
        "get", "secret", "generated-api-key", "-o", "jsonpath={.metadata.labels.memorybank\\.dev/tenant}"
    )


def test_without_a_host_name_a_tenant_is_reached_within_the_cluster(create: Create) -> None:
    made = create("inside")

    assert (made["domain"], made["endpoint"]) == (None, f"http://inside.{NAMESPACE}.svc")


def test_one_that_exists_is_refused_unless_that_is_wished(fleet: Fleet, customer: dict[str, Any]) -> None:
    again = fleet.run("create", "customer1", "--domain", "fleet.localhost")
    taken = fleet.done("create", "customer1", "--domain", "fleet.localhost", "--if-not-exists")
    other_name = fleet.run("create", "customer1", "--domain", "example.com", "--if-not-exists")
    other_key = fleet.run("create", "customer1", "--if-not-exists", "--api-key-stdin", stdin="another-key-0123")

    assert (again.status, again.out) == (1, "")
    assert "exists already" in again.err
    assert taken == customer
    assert (other_name.status, other_key.status) == (1, 1)
    assert "customer1.fleet.localhost, not customer1.example.com" in other_name.err
    assert "with another key" in other_key.err


def test_a_host_name_of_another_tenant_is_refused_before_anything_is_made(
    fleet: Fleet, customer: dict[str, Any]
) -> None:
    refused = fleet.run("create", "thief", "--hostname", customer["domain"])

    assert refused.status == 1
    assert "belongs to tenant customer1 in namespace customers" in refused.err
    assert "thief" not in [one["tenant_id"] for one in fleet.done("list")]


def test_what_the_api_server_refuses_leaves_no_key_behind(fleet: Fleet, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("forgetting: {intervalHour: 3}\n")

    refused = fleet.run("create", "misspelt", "--spec", str(spec), "--api-key-stdin", stdin="a-key-of-mine-0123")

    assert refused.status == 1
    assert 'unknown field "spec.forgetting.intervalHour"' in refused.err
    assert fleet.kubectl("get", "secret", "misspelt-api-key", "--ignore-not-found") == ""


def test_the_rest_of_a_tenant_comes_from_a_file(fleet: Fleet, create: Create, tmp_path: Path) -> None:
    spec = tmp_path / "tenant.yaml"
    spec.write_text("kind: MemoryBankTenant\nspec: {forgetting: {intervalHours: 3}, storage: {size: 2Gi}}\n")

    create("filled", "--size", "3Gi", "--image", "registry.example/other:v2", MEMORYBANK_TENANT_SPEC=str(spec))

    told = fleet.done("info", "filled")["spec"]
    assert (told["forgetting"]["intervalHours"], told["storage"]["size"]) == (3, "3Gi")
    assert told["image"] == "registry.example/other:v2"


@pytest.mark.parametrize(
    ("arguments", "stdin", "problem"),
    [
        (["create", "Customer_1"], "", "'Customer_1' can be no tenant's id"),
        (["create", "x" * 41], "", "can be no tenant's id"),
        (["create", "good", "--api-key-stdin"], "", "no key came on standard input"),
        (["create", "good", "--api-key-stdin"], "with space", "printable ASCII"),
        (["create", "good", "--spec", "/nowhere"], "", "/nowhere: No such file"),
        (["create", "good", "--timeout", "never"], "", "is no number of seconds"),
        (["delete", "customer1", "--force"], "", "wants --yes"),
        (["update", "customer1"], "", "takes a tenant's id and the version"),
        (["update", "--all"], "", "ID VERSION"),
        (["update", "customer1", "-x"], "", "unrecognized arguments"),
        (["update", "customer1", "v 1"], "", "neither a tag such as"),
    ],
)
def test_wrong_use_is_told_without_showing_a_key_and_ends_with_status_2(
    fleet: Fleet, customer: dict[str, Any], arguments: list[str], stdin: str, problem: str
) -> None:
    wrong = fleet.run(*arguments, stdin=stdin)

    assert (wrong.status, wrong.out) == (2, "")
    assert problem in wrong.err
    assert "with space" not in wrong.err


def test_a_deleted_tenant_leaves_its_data_and_comes_back_to_them_with_its_key(fleet: Fleet, create: Create) -> None:
    made = create("returning", "--wait")
    fleet.kubectl("patch", "memorybanktenant", "returning", "--type=merge", '-p={"spec":{"deletionPolicy":"Delete"}}')
    volume = fleet.get("pvc", "returning")["spec"]["volumeName"]

    deleted = fleet.done("delete", "returning")

    assert deleted == {"tenant_id": "returning", "status": "deleted", "data": "kept"}
    assert "returning" not in [one["tenant_id"] for one in fleet.done("list")]
    assert fleet.kubectl("get", "pods", "-l", "memorybank.dev/tenant=returning", "-o", "name") == ""
    refused = fleet.run("create", "returning", "--api-key-stdin", stdin="another-key-0123")
    assert refused.status == 1
    assert "holds another key, kept from an earlier tenant" in refused.err
    assert create("returning", "--wait")["api_key"] == made["api_key"]
    assert fleet.get("pvc", "returning")["spec"]["volumeName"] == volume


def test_force_removes_volume_and_keys_also_of_a_tenant_that_was_deleted_before(fleet: Fleet, create: Create) -> None:
    for name in ("erased", "erased-later"):
        create(name, "--wait")
    fleet.done("delete", "erased-later")

    for name in ("erased", "erased-later"):
        assert fleet.done("delete", name, "--force", "--yes")["data"] == "removed"
        assert fleet.kubectl("get", "pvc,secret,deployment", "-l", f"memorybank.dev/tenant={name}", "-o", "name") == ""
    gone = fleet.run("delete", "erased", "--force", "--yes")
    assert gone.status == 1
    assert "there is no tenant erased in namespace customers" in gone.err


def test_while_the_operator_leaves_a_tenant_alone_its_data_are_not_lost_by_a_deletion(
    fleet: Fleet, create: Create
) -> None:
    create("unattended", "--wait")
    fleet.kubectl("patch", "memorybanktenant", "unattended", "--type=merge", '-p={"spec":{"deletionPolicy":"Delete"}}')
    fleet.kubectl("wait", "pvc/unattended", "--for=jsonpath={.metadata.ownerReferences}", "--timeout=20s")
    fleet.done("pause", "unattended")

    refused = fleet.run("delete", "unattended", "--timeout", "1")

    assert refused.status == 4
    assert "is not deleted: its data would go with it" in refused.err
    assert fleet.done("info", "unattended")["phase"] == "Paused"
    assert fleet.done("delete", "unattended", "--force", "--yes")["data"] == "removed"
