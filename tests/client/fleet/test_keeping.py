"""Backups, restores, clones and erasures by the command, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.client.fleet.conftest import Create, Fleet
from tests.client.fleet.playing import backups_played
from tests.operator.backups import ID, TAKEN

PLAN = "backup: {destination: {pvc: {claimName: nowhere}}}\n"


@pytest.fixture
def played(fleet: Fleet) -> Iterator[list[Any]]:
    with backups_played(fleet) as pods:
        yield pods


@pytest.fixture
def plan(tmp_path: Path) -> str:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    return str(file)


def test_a_backup_is_whole_when_it_returns_and_is_listed(
    fleet: Fleet, create: Create, played: list[Any], plan: str
) -> None:
    create("kept", "--spec", plan, "--wait")

    taken = fleet.done("backup", "kept", "--name", "kept-one")
    listed = fleet.done("backups", "kept")
    table = fleet.run("backups", "-A", "-o", "table").out

    assert taken["backup"] == "kept-one"
    assert (taken["phase"], taken["memories"]) == ("Completed", 40)
    assert taken["id"] == f"customers/kept/{ID}"
    assert listed == [taken]
    assert fleet.done("backups", "nobody") == []
    assert "kept-one" in table
    assert str(TAKEN["location"]) in table


def test_where_a_backup_goes_may_be_said(fleet: Fleet, create: Create, played: list[Any], tmp_path: Path) -> None:
    create("unplanned", "--wait")
    bucket = tmp_path / "bucket.yaml"
    bucket.write_text("s3: {bucket: backups, credentialsSecretRef: {name: s3}}\n")

    nowhere = fleet.run("backup", "unplanned")
    fleet.done("backup", "unplanned", "--claim", "nowhere", "--encryption-key", "age/identity", "--name", "u-1")
    fleet.done("backup", "unplanned", "--destination", str(bucket), "--name", "u-2", "--no-wait")

    assert (nowhere.status, nowhere.out) == (1, "")
    assert "say where to with --claim or --destination" in nowhere.err
    spec = fleet.get("mbb", "u-1")["spec"]
    assert spec["destination"] == {"pvc": {"claimName": "nowhere"}}
    assert spec["encryptionKeySecretRef"] == {"name": "age", "key": "identity"}
    assert fleet.get("mbb", "u-2")["spec"]["destination"]["s3"]["bucket"] == "backups"


def test_a_backup_that_fails_says_why(fleet: Fleet, create: Create, plan: str) -> None:
    create("unlucky", "--spec", plan, "--wait")

    with backups_played(fleet, fails=True):
        ended = fleet.run("backup", "unlucky")

    assert (ended.status, ended.out) == (1, "")
    assert "failed (DestinationFull): the destination is full: give it more room" in ended.err


def test_of_all_tenants_one_that_cannot_be_backed_up_keeps_no_other_from_it(
    fleet: Fleet, create: Create, played: list[Any], plan: str
) -> None:
    create("ab-kept", "--spec", plan, "--wait")
    create("aa-unplanned", "--wait")

    script = str(Path(__file__).parents[3] / "scripts" / "backup-tenants.sh")
    ended = fleet.run(program=script)

    told = {one["tenant_id"]: one for one in ended.json}
    assert ended.status == 1
    assert told["ab-kept"]["phase"] == "Completed"
    assert "no spec.backup" in told["aa-unplanned"]["error"]
    assert "tenants were not backed up" in ended.err


def test_a_tenant_begins_with_a_backup(fleet: Fleet, create: Create, played: list[Any], plan: str) -> None:
    create("source", "--spec", plan, "--wait")
    create("again")
    fleet.done("backup", "source", "--name", "of-source")
    fleet.run("delete", "again", "--force", "--yes")

    restored = fleet.done("restore", "again", "--backup", "of-source", "--domain", "example.com")

    assert restored["restored"] == {
        "memories": 40,
        "taken_at": TAKEN["takenAt"],
        "location": TAKEN["location"],
    }
    assert restored["domain"] == "again.example.com"
    assert restored["api_key"].startswith("mb_")
    assert fleet.get("mbt", "again")["spec"]["restoreFrom"] == {"backupName": "of-source"}
    for arguments, words in (
        (("again", "--backup", "of-source"), "exists already"),
        (("other", "--backup", "none"), 'memorybankbackups.memorybank.dev "none" not found'),
    ):
        refused = fleet.run("restore", *arguments)
        assert (refused.status, refused.out) == (1, "")
        assert words in refused.err
    wrong = fleet.run("restore", "other", "--from-id", f"customers/source/{ID}")
    assert (wrong.status, "--claim or --destination" in wrong.err) == (2, True)


def test_a_clone_is_as_the_other_but_for_what_is_its_own(
    fleet: Fleet, create: Create, played: list[Any], tmp_path: Path
) -> None:
    spec = tmp_path / "spec.yaml"
    keys = [{"name": "default", "scopes": ["read", "write", "admin"]}, {"name": "reader", "scopes": ["read"]}]
    rest = {"storage": {"storageClassName": "standard"}, "forgetting": {"intervalHours": 12}, "apiKeys": keys}
    spec.write_text(f"{PLAN}{yaml.safe_dump(rest)}")
    create("original", "--spec", str(spec), "--domain", "example.com", "--wait")

    cloned = fleet.done("clone", "original", "copy", "--hostname", "copy.example.com", "--size", "20Gi")

    try:
        new, old = (fleet.get("mbt", name)["spec"] for name in ("copy", "original"))
        assert (cloned["cloned_from"], cloned["restored"]["memories"]) == ("original", 40)
        assert new["restoreFrom"] == {"backupName": cloned["backup"]}
        assert (new["hostname"], new["forgetting"]) == ("copy.example.com", old["forgetting"])
        assert (new["storage"]["size"], new["storage"]["storageClassName"]) == ("20Gi", "standard")
        assert [key["name"] for key in new["apiKeys"]] == ["default", "reader"]
        assert fleet.get("secret", "copy-api-key")["data"] != fleet.get("secret", "original-api-key")["data"]
    finally:
        fleet.run("delete", "copy", "--force", "--yes")


def test_what_cannot_be_made_costs_no_backup(fleet: Fleet, create: Create, played: list[Any], plan: str) -> None:
    create("busy", "--spec", plan, "--wait")
    refused = fleet.run("clone", "busy", "busy")
    assert refused.status == 1
    assert fleet.done("backups", "busy") == []


def test_who_is_erased_stays_erased_and_the_receipt_is_kept_outside_the_tenant(
    fleet: Fleet, customer: dict[str, Any]
) -> None:
    for user in ("erased-1", "erased-2"):
        fleet.done("store", f"{user} lives in Cork", "--user", user, "--tenant", "customer1")

    asked = fleet.run("erase", "--user", "erased-1", "--tenant", "customer1")
    first = fleet.done("erase", "--user", "erased-1", "--tenant", "customer1", "--yes")
    second = fleet.done("erase", "--user", "erased-2", "--tenant", "customer1", "--yes")

    assert (asked.status, "--yes" in asked.err) == (2, True)
    assert (first["counts"]["memories"], first["noted_in"]) == (1, "customer1-erasures")
    noted = fleet.get("configmap", "customer1-erasures")["data"]["erasures.ndjson"]
    receipts = {one["id"]: one for one in map(json.loads, noted.splitlines())}
    assert receipts[first["id"]]["sha256"] == first["sha256"]
    assert second["id"] in receipts
    assert "erased-1" not in noted, "a receipt names nobody"
    assert fleet.done("search", "Cork", "--user", "erased-1", "--tenant", "customer1") == []
