"""Versions, keys and states of tenants by the command."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.client.fleet.conftest import LOG, Create, Fleet
from tests.service.waiting import until

UPDATED = "registry.example/memorybank:v2"


def test_a_version_is_a_tag_or_a_whole_image_and_ready_when_it_returns(fleet: Fleet, create: Create) -> None:
    create("modern", "--wait")

    by_tag = fleet.done("update", "modern", "v2")
    again = fleet.done("update", "modern", UPDATED)

    assert by_tag == {
        "tenant_id": "modern",
        "image": UPDATED,
        "before": "registry.example/memorybank:v1",
        "status": "updated",
    }
    assert again["status"] == "unchanged"
    told = fleet.done("info", "modern")
    assert (told["ready"], told["image"]) == ("True", UPDATED)


def test_an_update_of_all_stops_at_the_first_that_fails_and_says_how_to_go_back(
    fleet: Fleet, create: Create, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere.json"
    nowhere.write_text(json.dumps({"scheduling": {"nodeSelector": {"nowhere": "true"}}}))
    create("aa-first", "--spec", str(nowhere))
    create("ab-second", "--wait")

    ended = fleet.run("update", "--all", "v2", "--timeout", "3")

    assert ended.status == 1
    told = {one["tenant_id"]: one for one in ended.json}
    assert told["aa-first"]["status"] == "failed"
    assert told["ab-second"]["status"] == "skipped"
    assert "tenant aa-first with registry.example/memorybank:v2: " in told["aa-first"]["error"]
    first, *_, last = ended.err.splitlines()
    assert first.startswith("1 of ")
    assert "Back to what it was: memorybank update aa-first registry.example/memorybank:v1;" in last
    assert fleet.done("info", "ab-second")["image"] == "registry.example/memorybank:v1"


def test_a_tenant_sleeps_and_wakes_is_left_alone_and_taken_up_again(fleet: Fleet, create: Create) -> None:
    create("sleeper", "--wait")

    assert fleet.done("hibernate", "sleeper")["phase"] == "Hibernated"
    asleep = fleet.run("search", "x", "--tenant", "sleeper")
    assert asleep.status == 1
    assert "tenant sleeper sleeps: memorybank wake sleeper" in asleep.err
    assert "sleeps: memorybank wake sleeper" in fleet.run("logs", "sleeper").err
    assert fleet.done("wake", "sleeper")["available"] == "True"
    assert fleet.done("pause", "sleeper")["phase"] == "Paused"
    for refused in (fleet.run("update", "sleeper", "v3"), fleet.run("rotate-key", "sleeper")):
        assert refused.status == 1
        assert "memorybank resume sleeper" in refused.err
    assert fleet.done("resume", "sleeper")["phase"] == "Ready"


def test_a_rotation_is_asked_for_and_the_new_key_waited_for(fleet: Fleet, create: Create) -> None:
    before = create("turning")["api_key"]

    rotated = fleet.done("rotate-key", "turning")

    kept = base64.b64decode(fleet.get("secret", "turning-api-key")["data"]["api-key"]).decode()
    assert rotated == {"tenant_id": "turning", "key": "default", "api_key": kept}
    assert kept != before


def test_a_key_that_cannot_be_rotated_is_refused_with_what_to_do(fleet: Fleet, create: Create) -> None:
    key = {"name": "mine", "scopes": ["read"], "secretKeyRef": {"name": "my-secret", "key": "k"}}
    create("keyed")
    fleet.kubectl("patch", "memorybanktenant", "keyed", "--type=merge", "-p", json.dumps({"spec": {"apiKeys": [key]}}))

    unknown, own = fleet.run("rotate-key", "keyed", "--key", "x"), fleet.run("rotate-key", "keyed", "--key", "mine")

    assert (unknown.status, own.status) == (1, 1)
    assert "has no key x; it has mine" in unknown.err
    assert "write the new one into the Secret my-secret" in own.err


def test_a_tenants_log_goes_to_standard_output_as_it_is(fleet: Fleet, customer: dict[str, Any]) -> None:
    ended = fleet.run("logs", "customer1")

    assert ended.status == 0, ended.err
    assert ended.out.splitlines() == list(LOG)
    assert fleet.run("logs", "customer1", "--tail", "1").out.splitlines() == [LOG[-1]]


def test_what_is_interrupted_ends_with_130_and_no_traceback(fleet: Fleet, create: Create, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.json"
    nowhere.write_text(json.dumps({"scheduling": {"nodeSelector": {"nowhere": "true"}}}))
    create("awaited", "--spec", str(nowhere))
    command = fleet.start("update", "awaited", "v2")
    until(lambda: fleet.get("memorybanktenant", "awaited")["spec"].get("image") == UPDATED)
    command.send_signal(2)

    _, err = command.communicate(timeout=20)
    assert (command.returncode, err) == (130, "")
