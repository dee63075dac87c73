"""An import that is broken off goes on exactly where it was, and an erasure meanwhile holds for what still waits."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from memorybank_service.embedding import Vector
from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory import import_batches
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.import_rows import ImportRow
from memorybank_service.memory.pauses import Pauses
from memorybank_service.store import Job, JobState
from tests.service.memory.conftest import BankWith
from tests.service.waiting import until_so


class Held:
    """The local embedding, which waits before the texts of one number until it may go on."""

    at_once = True

    def __init__(self, real: LocalEmbedder, before: str) -> None:
        self.name, self.dimension = real.name, real.dimension
        self._real, self._before = real, before
        self.held, self.go_on = threading.Event(), threading.Event()
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self._before in texts:
            self.held.set()
            self.go_on.wait(30)
        self.embedded.extend(texts)
        return self._real.embed(texts)

    def forget(self) -> None:
        """It remembers nothing."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_batches, "_ROWS", 10)


def row(line: int, user_id: str = "ada") -> ImportRow:
    fields: dict[str, object] = {
        "content": f"note {line}", "agent_id": None, "run_id": None, "speaker": None, "metadata": {}, "id": None,
        "created_at": None, "importance": 0.5, "pinned": False, "expires_at": None, "infer": False,
    }  # fmt: skip
    return ImportRow(line, "draft", fields, user_id)


async def begin(bank: MemoryBank, rows: Sequence[ImportRow]) -> Job:
    file = await bank.importing.upload("11111111-1111-1111-1111-111111111111")
    await bank.importing.write(file, rows)
    return await bank.importing.begin("11111111-1111-1111-1111-111111111111", file)


async def until_state(bank: MemoryBank, job_id: str, state: JobState) -> Job:
    found: list[Job] = []

    async def reached() -> bool:
        job = await bank.jobs.get(job_id)
        assert job is not None
        found[:] = [job]
        return job.state == state

    await until_so(reached)
    return found[0]


async def until_lines(bank: MemoryBank, job_id: str, lines: int) -> None:
    async def reached() -> bool:
        job = await bank.jobs.get(job_id)
        return job is not None and job.progress.get("lines") == lines

    await until_so(reached)


def contents(bank: MemoryBank) -> list[str]:
    view = bank.footing.store.view(None)
    seqs = view.roster.seq[view.roster.alive].tolist()
    return [memory.content for memory in bank.footing.store.fetch(seqs).values()]


async def test_one_that_is_broken_off_goes_on_where_it_was(bank_with: BankWith, embedder: LocalEmbedder) -> None:
    held = Held(embedder, "note 41")
    bank = await bank_with(held)
    job = await begin(bank, [row(line) for line in range(1, 101)])
    await asyncio.to_thread(held.held.wait, 30)
    await until_lines(bank, job.id, 40)
    view = bank.footing.store.view(None)
    [first, *_] = bank.footing.store.fetch(view.roster.seq[:1].tolist()).values()
    await bank.memories.delete([first.id])  # what is deleted in between does not come back
    asyncio.get_running_loop().call_later(0.1, held.go_on.set)

    plain = Held(embedder, "nothing")
    bank = await bank_with(plain)
    ended = await until_state(bank, job.id, "succeeded")
    assert ended.result == {
        "lines": 100, "imported": 100, "unchanged": 0, "refused": 0, "errors": [], "complete": None,
    }  # fmt: skip
    assert contents(bank) == [f"note {line}" for line in range(2, 101)]
    assert sorted(plain.embedded) == sorted(f"note {line}" for line in range(41, 101))


async def test_who_is_erased_meanwhile_does_not_come_in(
    bank_with: BankWith, embedder: LocalEmbedder, tmp_path: Path
) -> None:
    held = Held(embedder, "note 21")
    bank = await bank_with(held)
    rows = [row(line, "ada" if line % 2 else "ben") for line in range(1, 61)]
    job = await begin(bank, rows)
    await asyncio.to_thread(held.held.wait, 30)
    await until_lines(bank, job.id, 20)
    receipt = await bank.erasing.erase("ada")  # ten are in, and five of the next ten are in its hands
    assert (receipt.erasure.counts["memories"], receipt.erasure.counts["import_lines"]) == (10, 30)
    assert b'"ada"' not in (tmp_path / "imports" / f"{job.id}.ndjson").read_bytes()
    held.go_on.set()
    ended = await until_state(bank, job.id, "succeeded")
    assert ended.result is not None
    assert ended.result["imported"] == 10 + 10 + 20
    assert contents(bank) == [f"note {line}" for line in range(2, 61, 2)]


async def test_one_that_is_cancelled_writes_nothing_more_and_can_be_taken_up(
    bank_with: BankWith, embedder: LocalEmbedder
) -> None:
    held = Held(embedder, "note 21")
    bank = await bank_with(held)
    job = await begin(bank, [row(line) for line in range(1, 41)])
    await asyncio.to_thread(held.held.wait, 30)
    await until_lines(bank, job.id, 20)
    await bank.jobs.cancel(job.id)
    held.go_on.set()

    async def read_on() -> bool:
        return "note 21" in held.embedded

    await until_so(read_on)
    assert len(contents(bank)) == 20
    assert await bank.jobs.retry(job.id)
    await until_state(bank, job.id, "succeeded")
    assert len(contents(bank)) == 40


async def test_one_whose_upload_is_gone_says_so(bank_with: BankWith, embedder: LocalEmbedder, tmp_path: Path) -> None:
    held = Held(embedder, "note 11")
    bank = await bank_with(held)
    job = await begin(bank, [row(line) for line in range(1, 31)])
    await asyncio.to_thread(held.held.wait, 30)
    (tmp_path / "imports" / f"{job.id}.ndjson").unlink()
    held.go_on.set()
    dead = await until_state(bank, job.id, "dead")
    assert dead.error == "the upload is not there any more; send it again"


async def test_uploads_that_nobody_waits_for_are_removed_at_the_start(
    bank_with: BankWith, embedder: LocalEmbedder, tmp_path: Path
) -> None:
    (tmp_path / "imports").mkdir()
    for name in ("22222222.ndjson", "3.abc.part"):
        (tmp_path / "imports" / name).write_bytes(b"{}\n")
    bank = await bank_with(embedder)
    assert list((tmp_path / "imports").iterdir()) == []
    await bank.close()


def test_a_moment_before_now_is_found_behind_pauses() -> None:
    """The anchor of what comes in: as much running time lies between it and now as there did elsewhere."""
    pauses = Pauses([(100.0, 200.0), (300.0, 350.0)])
    for running in (0.0, 10.0, 40.0, 50.0, 60.0, 149.0, 150.0, 151.0, 500.0):
        anchor = float(pauses.after(400.0, -running))
        assert 400.0 - anchor - float(pauses.between(anchor, 400.0)) == pytest.approx(running)
