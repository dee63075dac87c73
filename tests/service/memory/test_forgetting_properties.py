"""Forgetting is what the formula says of a memory's own history, however often it runs or the service restarts."""

import asyncio
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import Draft, Kept
from memorybank_service.memory.recalling import Search
from memorybank_service.settings import ForgettingSettings
from memorybank_service.store import Scope
from memorybank_service.store.sqlite_store import SqliteStore
from tests.service.manual_clock import ManualClock

SCALE_HOURS, THRESHOLD = 168.0, 0.1
WORDS = "Ada lives in Lisbon."

Step = int | Literal["recall", "run", "restart"]
"""Hours that go by, or what happens."""
steps = st.lists(st.one_of(st.integers(1, 100), st.sampled_from(["recall", "run", "restart"])), max_size=12)


@dataclass
class Formula:
    """R = e^(−t/S) by hand: S is 1 and 1 more for each recall that counted, t in units of the scale."""

    hours: float = 0.0
    strength: int = 1

    @property
    def retention(self) -> float:
        return math.exp(-self.hours / SCALE_HOURS / self.strength)

    def recall(self) -> None:
        """Of one that is not faded; once an hour at most, and the memory's first hour begins when it is stored."""
        if self.retention >= THRESHOLD and self.hours >= 1:
            self.hours, self.strength = 0.0, self.strength + 1


def lived(embedder: LocalEmbedder, life: Sequence[Step]) -> Kept:
    """What becomes of a memory in such a life."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_lived(embedder, Path(folder), life))


async def _lived(embedder: LocalEmbedder, folder: Path, life: Sequence[Step]) -> Kept:
    clock = ManualClock()

    async def opened() -> MemoryBank:
        store = SqliteStore(folder, embedder.name, embedder.dimension)
        bank = MemoryBank(store, embedder, ForgettingSettings(24, THRESHOLD, SCALE_HOURS, 0), clock)
        await bank.open()
        return bank

    async def go_by(bank: MemoryBank, hours: int) -> None:
        """The service beats within every hour, so no time of it is a pause."""
        for _ in range(hours):
            clock.advance(hours=1)
            await bank.beat()

    bank = await opened()
    [stored] = await bank.memories.add([Draft(WORDS, user_id="ada")])
    await go_by(bank, 1)
    for step in life:
        if step == "recall":
            found = await bank.recall.search(Search("Where does Ada live?", Scope("ada")))
            await bank.recall.record_recalls(found.recollections)
        elif step == "run":
            await bank.decay.run()
        elif step == "restart":
            await bank.close()
            bank = await opened()
        else:
            assert isinstance(step, int)
            await go_by(bank, step)
    kept = await bank.memories.get(stored.kept.memory.id)
    await bank.close()
    assert kept is not None
    return kept


@settings(max_examples=20, deadline=None)
@given(life=steps)
def test_retention_is_what_the_formula_says_of_the_recalls_that_counted(
    embedder: LocalEmbedder, life: list[Step]
) -> None:
    expected = Formula(hours=1)
    for step in life:
        if step == "recall":
            expected.recall()
        elif isinstance(step, int):
            expected.hours += step
    kept = lived(embedder, life)
    assert abs(kept.retention - expected.retention) < 1e-9
    assert kept.memory.recalls == expected.strength - 1
    assert kept.state == ("active" if expected.retention >= THRESHOLD else "faded")


@settings(max_examples=10, deadline=None)
@given(life=steps)
def test_runs_of_the_forgetting_and_restarts_change_nothing(embedder: LocalEmbedder, life: list[Step]) -> None:
    undisturbed = lived(embedder, [step for step in life if step not in ("run", "restart")])
    kept = lived(embedder, life)
    assert (kept.retention, kept.state, kept.memory.recalls) == (
        undisturbed.retention,
        undisturbed.state,
        undisturbed.memory.recalls,
    )


@settings(max_examples=10, deadline=None)
@given(life=steps, place=st.integers(0, 12))
def test_one_more_recall_never_lowers_retention(embedder: LocalEmbedder, life: list[Step], place: int) -> None:
    with_it = [*life[:place], "recall", *life[place:]]
    assert lived(embedder, with_it).retention >= lived(embedder, life).retention
