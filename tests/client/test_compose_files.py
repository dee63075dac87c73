"""What a tenant of a container engine is run by, and what is kept of it; the engine itself is met end to end."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memorybank.fleet.compose import files, spec
from memorybank.fleet.compose.engine import engine
from memorybank.fleet.compose.folder import Folder, OldKey, Tenant, default_folder
from memorybank.fleet.compose.running import given_provider_keys
from memorybank.fleet.errors import NoSuchThingError, RefusedError, SilentError
from memorybank.fleet.keys import digest

TENANT = Tenant("customer1", "memorybank/service:v0.1.0", "2026-01-01T00:00:00Z", "customer1.example.com")


def test_fields_of_the_spec_become_the_services_variables() -> None:
    given: dict[str, Any] = {
        "forgetting": {"intervalHours": 12, "thresholdPercent": 25, "timeScaleHours": 24, "purgeAfterDays": 30},
        "maintenance": {"intervalHours": 84},
        "llm": {"provider": "openai", "model": "gpt-4o", "apiBase": "http://127.0.0.1:9/v1"},
        "embedding": {"provider": "local"},
    }
    assert spec.environment(spec.checked(given)) == {
        "FORGETTING_INTERVAL_HOURS": "12",
        "FORGETTING_THRESHOLD": "0.25",
        "FORGETTING_TIME_SCALE_HOURS": "24",
        "FORGETTING_PURGE_AFTER_DAYS": "30",
        "MAINTENANCE_INTERVAL_HOURS": "84",
        "LLM_PROVIDER": "openai",
        "LLM_MODEL": "gpt-4o",
        "LLM_API_BASE": "http://127.0.0.1:9/v1",
        "EMBEDDING_PROVIDER": "local",
    }


def test_limits_become_those_of_a_container() -> None:
    given = {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}
    assert spec.limits(given) == {"cpus": 0.5, "mem_limit": 1 << 30}
    assert json.loads(files.compose_file(Tenant(**{**vars(TENANT), "spec": given}), "/f"))["services"]["memorybank"][
        "mem_limit"
    ] == (1 << 30)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"storage": {"size": "20Gi"}}, "spec.storage.size is nothing that"),
        ({"rateLimit": {"burst": 0}}, "spec.rateLimit.burst is 0: it may be a number from 1 to"),
        ({"maintenance": {"intervalHours": "often"}}, "spec.maintenance.intervalHours is 'often'"),
        ({"llm": {"provider": "Open AI"}}, "spec.llm.provider is 'Open AI'"),
        ({"llm": {"model": "a\nb"}}, "spec.llm.model is"),
        ({"resources": {"limits": {"cpu": "-1"}}}, "spec.resources.limits.cpu is '-1'"),
        ({"resources": {"requests": {"cpu": "1"}}}, "spec.resources.requests.cpu is nothing that"),
    ],
)
def test_what_a_container_cannot_be_given_is_told_by_its_field(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace(".", r"\.")):
        spec.checked(wrong)


@pytest.mark.parametrize("hostname", ["a", "A.example.com", "a`) || Host(`b.example.com", "-a.example.com", "a..b", ""])
def test_a_host_name_that_is_none_is_refused(hostname: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        spec.checked_hostname(hostname)


def test_names_of_one_tenants_routes_are_no_other_tenants() -> None:
    made = [Tenant(id, "i", "t", f"{id}.example.com") for id in ("a", "a-metrics")]
    routes = [json.loads(files.route_file(one))["http"] for one in made]
    for part in ("routers", "middlewares", "services"):
        assert not routes[0][part].keys() & routes[1][part].keys()


def test_a_tenant_without_a_name_has_a_route_for_its_metrics_alone() -> None:
    routes = json.loads(files.route_file(Tenant("a", "i", "t")))["http"]
    assert {tuple(one["entryPoints"]) for one in routes["routers"].values()} == {("metrics",)}
    assert all("monitoring" in one["middlewares"] for one in routes["routers"].values())


def test_the_access_file_has_digests_alone_and_the_replaced_key_until_its_time() -> None:
    old = OldKey.of("old-key", datetime(2026, 1, 2, tzinfo=UTC))
    text = files.access_file(Tenant("a", "i", "t", old_keys=(old,)), "new-key")
    assert "old-key" not in text
    assert "new-key" not in text
    told = json.loads(text)
    assert [(one["sha256"], one["expiresAt"]) for one in told["keys"]] == [
        (digest("old-key"), "2026-01-02T00:00:00Z"),
        (digest("new-key"), None),
    ]
    assert told["rateLimit"] == {"requestsPerSecond": 50, "burst": 100}


def test_what_is_kept_is_read_again_and_is_its_owners_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "memorybank")
    folder.keep(TENANT)
    folder.keep_key("customer1", "a-key")
    assert folder.all() == [TENANT]
    assert folder.key("customer1") == "a-key"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.tenant("customer1").stat().st_mode & 0o777 == 0o700
    # What a container reads, as a user of another number, past the folders around it.
    assert (folder.tenant("customer1") / "key").stat().st_mode & 0o777 == 0o755
    assert (folder.tenant("customer1") / "key" / "key").stat().st_mode & 0o777 == 0o644


def test_of_a_deleted_tenant_the_key_is_kept_and_of_a_removed_one_nothing(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.keep(TENANT)
    folder.keep_key("customer1", "a-key")
    folder.let_go("customer1", keep_key=True)
    assert folder.all() == []
    assert folder.key("customer1") == "a-key"
    folder.let_go("customer1", keep_key=False)
    assert folder.key("customer1") is None
    with pytest.raises(NoSuchThingError, match="there is no tenant customer1"):
        folder.get("customer1")


def test_two_commands_do_not_change_one_tenant_at_a_time(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with folder.alone("customer1"):
        with pytest.raises(RefusedError, match="another command works on tenant customer1"), folder.alone("customer1"):
            raise AssertionError("unreachable")
        with folder.alone("customer2"):
            pass
    with folder.alone("customer1"):
        pass


@pytest.mark.parametrize("id", ["../x", "a/b", "..", "", "A"])
def test_what_can_be_no_id_leads_to_no_file(tmp_path: Path, id: str) -> None:
    folder = Folder(tmp_path / "memorybank")
    with pytest.raises(NoSuchThingError, match="can be no tenant's id"):
        folder.get(id)
    with pytest.raises(NoSuchThingError, match="can be no tenant's id"), folder.alone(id):
        raise AssertionError("unreachable")
    assert not (tmp_path / "x").exists()


def test_a_key_that_is_lost_is_not_made_anew_in_silence(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.keep(TENANT)
    with pytest.raises(RefusedError, match="rotate-key customer1 makes another"):
        folder.own_key("customer1")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot be written to"):
        Folder(tmp_path / "file").keep(TENANT)


def test_the_engine_is_the_named_one_or_the_first_there_is(tmp_path: Path) -> None:
    path = {"PATH": str(tmp_path)}
    with pytest.raises(SilentError, match="install Docker"):
        engine(path)
    for program in ("podman", "podman-compose"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o700)
    assert engine(path).front_end == ("podman-compose",)
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o700)
    assert engine(path).front_end == ("docker", "compose")
    assert engine({**path, "MEMORYBANK_ENGINE": "podman"}).program == "podman"
    with pytest.raises(ValueError, match="it may be docker or podman"):
        engine({**path, "MEMORYBANK_ENGINE": "lxc"})


def test_the_folder_is_the_named_one_or_the_users_own() -> None:
    assert default_folder({"MEMORYBANK_FOLDER": "/srv/mb"}) == Path("/srv/mb")
    assert default_folder({"HOME": "/home/ada"}) == Path("/home/ada/.local/share/memorybank")
    assert default_folder({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}) == Path("/data/memorybank")


def test_keys_of_providers_are_taken_from_the_environment() -> None:
    assert (
        given_provider_keys({"OPENAI_API_KEY": "sk-1", "OTHER": "x", "GOOGLE_API_KEY": ""}) == "OPENAI_API_KEY=sk-1\n"
    )
    with pytest.raises(ValueError, match="more than one line"):
        given_provider_keys({"OPENAI_API_KEY": "a\nTENANT_ID=b"})
