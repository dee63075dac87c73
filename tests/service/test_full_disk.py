"""A volume that is full to the last byte: what is there is read, found and deleted, and nothing more is taken.

The volume is a small file system of the service's own, in a mount namespace that ends with it.
"""

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service.running import RunningService, running
from tests.service.waiting import until

pytestmark = pytest.mark.process
_MIB = 1 << 20
_WORDS = [f"word{number}" for number in range(2_000)]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    (tmp_path / "data").mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mount = 'mount -t tmpfs -o size=48m none "$0" && exec "$@"'
    with running(tmp_path, ["unshare", *user, "--mount", "sh", "-c", mount, str(tmp_path / "data")]) as service:
        service.ready()
        yield service


class Volume:
    def __init__(self, service: RunningService, tmp_path: Path) -> None:
        self.path = Path(f"/proc/{service.process.pid}/root{tmp_path}/data")
        self.path_within = tmp_path / "data"

    def free(self) -> int:
        volume = os.statvfs(self.path)
        return volume.f_bavail * volume.f_frsize

    def fill_up(self, leave: int = 0) -> None:
        """As another program's files do; to the last byte where none is to be left."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for size in (_MIB, 4096, 1):
                while self.free() >= leave + size and self._taken(filler.fileno(), size):
                    pass
        assert leave or self.free() == 0

    def make_room(self) -> None:
        (self.path / "filler").unlink()

    @staticmethod
    def _taken(descriptor: int, size: int) -> bool:
        try:
            return os.write(descriptor, b"x" * size) > 0
        except OSError:
            return False


def long_text(number: int) -> str:
    return f"Note {number}: " + " ".join(random.Random(number).choices(_WORDS, k=400))  # noqa: S311 - words of a test


def store(client: httpx.Client, number: int, user_id: str = "ada") -> httpx.Response:
    return client.post("/store_memory", json={"content": long_text(number), "metadata": {"user_id": user_id}})


def found(client: httpx.Client, query: str) -> list[str]:
    answer = client.post("/retrieve_memory", json={"query": query, "top_k": 5})
    assert answer.status_code == 200, answer.text
    return [memory["content"] for memory in answer.json()["memories"]]


def test_a_full_volume_refuses_writes_and_still_reads_and_deletes(service: RunningService, tmp_path: Path) -> None:
    client, volume = service.ready(), Volume(service, tmp_path)
    ids = [str(store(client, number).json()["memory_id"]) for number in range(60)]
    volume.fill_up()
    refused = store(client, 1_000)
    assert (refused.status_code, refused.json()["type"]) == (507, "urn:memorybank:problem:volume-full")
    assert long_text(37) in found(client, long_text(37)[:200])
    assert client.get("/memory_stats").json()["total_memories"] == 60
    for memory_id in ids[:10]:
        assert client.post("/forget_memory", json={"memory_id": memory_id}).status_code == 200
    assert client.get("/memory_stats").json()["total_memories"] == 50
    assert found(client, long_text(3)[:200]) != []
    assert long_text(3) not in found(client, long_text(3)[:200])
    assert store(client, 1_000).status_code == 507

    volume.make_room()
    assert store(client, 1_000).status_code == 200
    until((volume.path / "default" / "ballast").exists)
    assert not [line for line in service.log() if line["level"] == "error"]


def test_a_full_volume_that_grows_takes_memories_again_without_a_restart(
    service: RunningService, tmp_path: Path
) -> None:
    client, volume = service.ready(), Volume(service, tmp_path)
    assert store(client, 1).status_code == 200
    volume.fill_up()
    assert store(client, 2).status_code == 507
    assert client.get("/readyz").status_code == 200
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    within = ["nsenter", f"--target={service.process.pid}", *user, "--mount"]
    subprocess.run([*within, "mount", "-o", "remount,size=64m", str(volume.path_within)], check=True)
    assert store(client, 2).status_code == 200
    until((volume.path / "default" / "ballast").exists)


def test_a_person_can_be_erased_on_a_full_volume(service: RunningService, tmp_path: Path) -> None:
    """More than the ballast has room for: it is done in pieces."""
    client, volume = service.ready(), Volume(service, tmp_path)
    for start in range(0, 120, 20):
        memories = [{"content": long_text(number), "user_id": "ada"} for number in range(start, start + 20)]
        assert client.post("/v1/memories/batch", json={"memories": memories}).status_code == 201
    assert store(client, 500, "ben").status_code == 200
    volume.fill_up()
    erased = client.delete("/v1/users/ada")
    assert erased.status_code == 200, erased.text
    counts = erased.json()["counts"]
    assert (counts["memories"], counts["vectors"]) == (120, 120)
    assert counts["words"] > 120 * 300
    assert client.get("/memory_stats").json()["total_memories"] == 1
    assert volume.free() > _MIB
    assert store(client, 1_000).status_code == 200


def test_writes_stop_before_there_is_no_room_to_tidy_up(service: RunningService, tmp_path: Path) -> None:
    client, volume = service.ready(), Volume(service, tmp_path)
    volume.fill_up(leave=5 * _MIB)
    taken = 0
    while store(client, taken).status_code == 200:
        taken += 1
    assert volume.free() >= 2 * _MIB
    assert (volume.path / "default" / "ballast").exists()
    assert client.get("/memory_stats").json()["total_memories"] == taken


def test_a_service_that_is_killed_on_a_full_volume_starts_again_there(service: RunningService, tmp_path: Path) -> None:
    client, volume = service.ready(), Volume(service, tmp_path)
    ids = [str(store(client, number).json()["memory_id"]) for number in range(30)]
    volume.fill_up()
    # A second one waits for the lock in the same namespace, and comes in when the first is killed.
    within = ["nsenter", f"--mount=/proc/{service.process.pid}/ns/mnt"]
    with running(tmp_path, within) as second:
        until(lambda: second.says("waiting until it ends"))
        service.kill()
        again = second.ready()
        assert again.get("/memory_stats").json()["total_memories"] == 30
        assert store(again, 1_000).status_code == 507
        assert again.post("/forget_memory", json={"memory_id": ids[0]}).status_code == 200
