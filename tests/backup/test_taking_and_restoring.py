"""A tenant is backed up while it serves, its volume is lost, and what comes back elsewhere is what was there."""

import json
import shutil
import threading
from pathlib import Path

import httpx
import pyrage
import pytest

from memorybank_backup.catalog import Catalog, Retention
from memorybank_backup.destination import Folder
from memorybank_backup.errors import REFUSED, BackupError
from memorybank_backup.taking import take
from memorybank_backup.tenant import Tenant
from tests.service.running import KEY, RunningService, running

from .tools import UNDER, at_folder, memorybank_backup, model, of_tenant, store

TEXTS = [f"The {number}th lighthouse was painted by Grace in {1900 + number}." for number in range(40)]


def found(client: httpx.Client, query: str) -> list[tuple[str, str, float]]:
    wanted = {"query": query, "user_id": "ada", "reinforce": False}
    results = client.post("/v1/search", json=wanted).json()["results"]
    return [(one["id"], one["content"], round(one["similarity"], 5)) for one in results]


def test_what_was_there_comes_back(service: RunningService, tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, *TEXTS)
    before = found(tenant, "who painted the 7th lighthouse?")
    destination = at_folder(tmp_path / "backups")
    taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    assert taken.status == 0, taken.errors
    assert taken.told["memories"] == len(TEXTS)
    assert tenant.get("/v1/backups").json()["results"] == [], "the tenant's own copy is not needed any more"
    service.kill()
    place = {"CHROMA_DB_PATH": str(tmp_path / "new" / "data"), "TENANT_ID": "default"}
    restored = memorybank_backup("restore", tmp_path, {**destination, **place, "BACKUP_ID": taken.told["id"]})
    assert restored.status == 0, restored.errors
    assert restored.told["sha256"] == taken.told["sha256"]
    with running(tmp_path / "new") as other:
        client = other.ready()
        assert client.get("/memory_stats").json()["total_memories"] == len(TEXTS)
        assert found(client, "who painted the 7th lighthouse?") == before
        [first, *_] = client.post("/v1/search", json={"query": TEXTS[7], "user_id": "ada"}).json()["results"]
        assert first["retention"] > 0.999, "nothing is forgotten between the backup and the restore"


def test_what_was_acknowledged_before_is_in_it_while_writing_goes_on(tenant: httpx.Client, tmp_path: Path) -> None:
    acknowledged = store(tenant, *TEXTS)
    stop = threading.Event()

    def write() -> None:
        with httpx.Client(base_url=tenant.base_url, headers=tenant.headers, timeout=20) as client:
            while not stop.is_set():
                store(client, "Something was said meanwhile.", user="bob")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        destination = at_folder(tmp_path / "backups")
        taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    finally:
        stop.set()
        writer.join()
    place = {"CHROMA_DB_PATH": str(tmp_path / "new" / "data"), "TENANT_ID": "default"}
    memorybank_backup("restore", tmp_path, {**destination, **place, "BACKUP_ID": taken.told["id"]})
    with running(tmp_path / "new") as other:
        client = other.ready()
        for memory_id in acknowledged:
            assert client.get(f"/v1/memories/{memory_id}").status_code == 200


def test_a_key_hides_it_and_only_that_key_opens_it(tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, *TEXTS)
    key, other = tmp_path / "age", tmp_path / "other"
    key.write_text(str(pyrage.x25519.Identity.generate()))
    other.write_text(str(pyrage.x25519.Identity.generate()))
    destination = at_folder(tmp_path / "backups")
    sealed = {**destination, "ENCRYPTION_KEY_FILE": str(key)}
    taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **sealed})
    assert taken.status == 0, taken.errors
    kept = [path.read_bytes() for path in (tmp_path / "backups").rglob("*") if path.is_file()]
    assert not any(b"lighthouse" in content for content in kept)
    place = {"CHROMA_DB_PATH": str(tmp_path / "new"), "TENANT_ID": "default", "BACKUP_ID": taken.told["id"]}
    for variables, reason in (
        (destination, "EncryptionKeyInvalid"),
        ({**destination, "ENCRYPTION_KEY_FILE": str(other)}, "EncryptionKeyInvalid"),
    ):
        refused = memorybank_backup("restore", tmp_path, {**variables, **place})
        assert (refused.status, refused.told["reason"]) == (2, reason)
        assert not (tmp_path / "new" / "default" / "memory.db").exists()
    assert memorybank_backup("restore", tmp_path, {**sealed, **place}).status == 0


def test_who_was_erased_since_does_not_come_back(tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, "Bob lives in Cork.", user="bob")
    store(tenant, "Ada lives in Bath.")
    destination, mine = at_folder(tmp_path / "backups"), of_tenant(tmp_path, tenant)
    old = memorybank_backup("take", tmp_path, {**mine, **destination, "BACKUP_KEY": "one"})
    assert tenant.delete("/v1/users/bob").status_code == 200
    memorybank_backup("take", tmp_path, {**mine, **destination, "BACKUP_KEY": "two"})
    assert tenant.delete("/v1/users/ada").status_code == 200
    receipts = tmp_path / "receipts.ndjson"
    receipts.write_text("".join(json.dumps(one) + "\n" for one in tenant.get("/v1/erasures").json()["results"]))
    for told, users in ((None, ["ada"]), (str(receipts), [])):
        place = {"CHROMA_DB_PATH": str(tmp_path / f"new-{told is None}" / "data"), "TENANT_ID": "default"}
        given = {"ERASURES_FILE": told} if told else {}
        restored = memorybank_backup(
            "restore", tmp_path, {**destination, **place, **given, "BACKUP_ID": old.told["id"]}
        )
        assert restored.status == 0, restored.errors
        with running(tmp_path / f"new-{told is None}") as other:
            listed = other.ready().get("/v1/users").json()["results"]
            assert [one["user_id"] for one in listed if one["memories"]] == users


def test_a_volume_that_has_memories_is_left_alone(tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, *TEXTS)
    destination = at_folder(tmp_path / "backups")
    taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    there = tmp_path / "new" / "default"
    there.mkdir(parents=True)
    (there / "memory.db").write_bytes(b"somebody's")
    place = {"CHROMA_DB_PATH": str(tmp_path / "new"), "TENANT_ID": "default", "BACKUP_ID": taken.told["id"]}
    refused = memorybank_backup("restore", tmp_path, {**destination, **place})
    assert (refused.status, refused.told["reason"]) == (2, "VolumeNotEmpty")
    assert (there / "memory.db").read_bytes() == b"somebody's"
    (there / "memory.db").unlink()
    assert memorybank_backup("restore", tmp_path, {**destination, **place}).status == 0
    shutil.rmtree(tmp_path / "backups" / UNDER)
    again = memorybank_backup("restore", tmp_path, {**destination, **place})
    assert (again.status, again.told["memories"]) == (0, len(TEXTS)), "done already, and the backup has gone since"


@pytest.mark.parametrize("damage", ["changed", "cut"])
def test_a_damaged_one_is_not_restored(tenant: httpx.Client, tmp_path: Path, damage: str) -> None:
    store(tenant, *TEXTS)
    destination = at_folder(tmp_path / "backups")
    taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    file = tmp_path / "backups" / UNDER / taken.told["id"] / "memory.db"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content if damage == "changed" else content[:-4096])
    place = {"CHROMA_DB_PATH": str(tmp_path / "new"), "TENANT_ID": "default", "BACKUP_ID": taken.told["id"]}
    refused = memorybank_backup("restore", tmp_path, {**destination, **place})
    assert refused.told["reason"] == "BackupDamaged"
    assert not (tmp_path / "new" / "default" / "memory.db").exists()
    tried = memorybank_backup("drill", tmp_path, {**destination, **model(), "WORK_FOLDER": str(tmp_path)})
    assert tried.told["reason"] == "BackupDamaged"


def test_older_ones_go_and_the_tenant_keeps_no_copies(tenant: httpx.Client, tmp_path: Path) -> None:
    destination, mine = at_folder(tmp_path / "backups"), of_tenant(tmp_path, tenant)
    keep = {"BACKUP_RETENTION": '{"count": 2}'}
    taken = []
    for number in range(3):
        store(tenant, f"Said for the {number}th time.")
        ended = memorybank_backup("take", tmp_path, {**mine, **destination, **keep, "BACKUP_KEY": f"key-{number}"})
        assert ended.status == 0, ended.errors
        taken.append(ended.told["id"])
    assert ended.told["removed"] == [taken[0]]
    there = sorted(path.name for path in (tmp_path / "backups" / UNDER).iterdir() if path.name != "erasures")
    assert there == sorted(taken[1:])
    assert tenant.get("/v1/backups").json()["results"] == []


def test_a_tenant_that_is_away_or_refuses_is_told(
    tmp_path: Path, tenant: httpx.Client, service: RunningService
) -> None:
    destination, mine = at_folder(tmp_path / "backups"), of_tenant(tmp_path, tenant)
    (tmp_path / "key").write_text("another")
    refused = memorybank_backup("take", tmp_path, {**mine, **destination})
    assert (refused.status, refused.told["reason"]) == (1, "TenantRefused")
    service.kill()
    away = memorybank_backup("take", tmp_path, {**mine, **destination})
    assert (away.status, away.told["reason"]) == (1, "TenantUnreachable")


def test_another_attempt_is_at_the_same_moment(tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, *TEXTS)
    destination, mine = at_folder(tmp_path / "backups"), of_tenant(tmp_path, tenant)
    (tmp_path / "backups" / UNDER.split("/", maxsplit=1)[0]).write_text("no folder")
    failed = memorybank_backup("take", tmp_path, {**mine, **destination})
    assert failed.status == 1
    [copy] = tenant.get("/v1/backups").json()["results"]
    (tmp_path / "backups" / UNDER.split("/", maxsplit=1)[0]).unlink()
    store(tenant, "Said between the attempts.")
    taken = memorybank_backup("take", tmp_path, {**mine, **destination})
    assert (taken.status, taken.told["id"]) == (0, copy["id"])
    assert taken.told["memories"] == len(TEXTS)


def test_the_last_attempt_leaves_no_copy(tenant: httpx.Client, tmp_path: Path) -> None:
    destination, mine = at_folder(tmp_path / "backups"), of_tenant(tmp_path, tenant)
    (tmp_path / "backups" / UNDER.split("/", maxsplit=1)[0]).write_text("no folder")
    failed = memorybank_backup("take", tmp_path, {**mine, **destination, "LAST_ATTEMPT": "true"})
    assert failed.status == 1
    assert tenant.get("/v1/backups").json()["results"] == []


def test_the_drill_finds_what_is_in_it(tenant: httpx.Client, tmp_path: Path) -> None:
    destination = at_folder(tmp_path / "backups")
    none = memorybank_backup("drill", tmp_path, {**destination, **model(), "WORK_FOLDER": str(tmp_path)})
    assert none.told["reason"] == "BackupNotFound"
    ids = store(tenant, *TEXTS)
    memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    tried = memorybank_backup("drill", tmp_path, {**destination, **model(), "WORK_FOLDER": str(tmp_path)})
    assert tried.status == 0, tried.errors
    assert tried.told["foundAgain"] in ids
    assert [path for path in tmp_path.iterdir() if path.name.startswith("drill-")] == []


def test_a_drill_is_not_confused_by_what_was_said_often_or_is_over(tenant: httpx.Client, tmp_path: Path) -> None:
    memories = [{"content": "Good morning to all of you.", "user_id": "ada"} for _ in range(70)]
    memories.append({"content": "Over.", "user_id": "ada", "expires_at": "2020-01-01T00:00:00Z"})
    assert tenant.post("/v1/memories/batch", json={"memories": memories}).status_code < 300
    destination = at_folder(tmp_path / "backups")
    taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    tried = memorybank_backup("drill", tmp_path, {**destination, **model(), "WORK_FOLDER": str(tmp_path)})
    assert (tried.status, taken.told["memories"]) == (0, 71), tried.errors


class WriteOnly(Folder):
    def remove(self, path: str) -> None:
        raise BackupError(REFUSED, f"{path} may not be removed")


def test_a_backup_is_whole_where_nothing_older_can_be_removed(tenant: httpx.Client, tmp_path: Path) -> None:
    """One attempt, one backup: not another one for each attempt to remove something."""
    catalog = Catalog(WriteOnly(tmp_path), UNDER)
    with Tenant(str(tenant.base_url), KEY) as asked:
        for key in ("one", "two"):
            told = take(asked, catalog, "default", key, seal=None, keep=Retention(count=1), is_last=False)
    assert told["removed"] == []
    assert "may not be removed" in told["notRemoved"]
    assert len(catalog.survey().whole) == 2
    assert tenant.get("/v1/backups").json()["results"] == []


def test_a_drill_notices_a_manifest_that_counts_otherwise(tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, *TEXTS)
    destination = at_folder(tmp_path / "backups")
    taken = memorybank_backup("take", tmp_path, {**of_tenant(tmp_path, tenant), **destination})
    file = tmp_path / "backups" / UNDER / taken.told["id"] / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "memories": 41}))
    tried = memorybank_backup("drill", tmp_path, {**destination, **model(), "WORK_FOLDER": str(tmp_path)})
    assert (tried.told["reason"], "40 memories came back of 41" in tried.told["message"]) == ("RestoreDiffers", True)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "BACKUP_DESTINATION is not set"),
        ({"BACKUP_DESTINATION": "{"}, "BACKUP_DESTINATION is no JSON"),
        ({"BACKUP_DESTINATION": "{}"}, "names no destination"),
        ({"BACKUP_DESTINATION": '{"s3": {"bucket": "b"}}'}, "AWS_ACCESS_KEY_ID is not set"),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    ended = memorybank_backup("drill", tmp_path, {"WORK_FOLDER": str(tmp_path), **variables})
    assert (ended.status, ended.told["reason"]) == (2, "SettingsInvalid")
    assert words in ended.errors


def test_the_final_one_is_of_the_volume_alone(service: RunningService, tenant: httpx.Client, tmp_path: Path) -> None:
    store(tenant, *TEXTS)
    before = found(tenant, "who painted the 7th lighthouse?")
    service.kill()
    destination = at_folder(tmp_path / "backups")
    place = {"CHROMA_DB_PATH": str(tmp_path / "tenant" / "data"), "TENANT_ID": "default"}
    last = memorybank_backup("final", tmp_path, {**place, **destination, **model(), "BACKUP_KEY": "uid"})
    again = memorybank_backup("final", tmp_path, {**place, **destination, **model(), "BACKUP_KEY": "uid"})
    assert last.status == 0, last.errors
    assert last.told["memories"] == len(TEXTS)
    assert again.status == 0, again.errors
    new = {"CHROMA_DB_PATH": str(tmp_path / "new" / "data"), "TENANT_ID": "default"}
    restored = memorybank_backup("restore", tmp_path, {**destination, **new, "BACKUP_ID": last.told["id"]})
    assert restored.status == 0, restored.errors
    with running(tmp_path / "new") as other:
        assert found(other.ready(), "who painted the 7th lighthouse?") == before


def test_a_volume_that_no_service_can_serve_is_told(tmp_path: Path) -> None:
    (tmp_path / "tenant" / "default").mkdir(parents=True)
    (tmp_path / "tenant" / "default" / "memory.db").write_bytes(b"no database at all" * 1000)
    place = {"CHROMA_DB_PATH": str(tmp_path / "tenant"), "TENANT_ID": "default"}
    ended = memorybank_backup("final", tmp_path, {**place, **at_folder(tmp_path / "backups"), **model()})
    assert (ended.status, ended.told["reason"]) == (1, "TenantUnreachable")
    assert "a service" in ended.told["message"]
    assert not any(path.is_file() for path in (tmp_path / "backups").rglob("*"))
