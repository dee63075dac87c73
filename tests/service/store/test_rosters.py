"""A roster that has followed every change is the one that would be read from disk now."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorybank_service.store import Amendment, View
from memorybank_service.store import resident as resident_module
from memorybank_service.store.codes import SpeakerCodes
from memorybank_service.store.rosters import Rosters
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.vector_blocks import BLOCK, VectorBlocks
from memorybank_service.store.words import tokens
from tests.service.searching import NOW, Searching, searching, turn, vector

TEXTS = ["tea", "tea and tea", "boat?", "violin today", "tea boat"]


def seen(view: View) -> dict[str, object]:
    """All that a search can tell about the living, by id of the store and whatever their positions."""
    roster, living = view.roster, np.flatnonzero(view.roster.alive)
    columns = [name for name in vars(roster) if name not in ("seq", "previous", "memo", "session", "speaker", "agent")]
    told: dict[str, object] = {name: getattr(roster, name)[living].tolist() for name in columns}
    told["seq"] = roster.seq[living].tolist()
    told["previous"] = [int(roster.seq[p]) if p >= 0 else None for p in roster.previous[living]]
    told["sessions"] = [roster.seq[living][roster.session[living] == code].tolist() for code in roster.session[living]]
    told["within"] = [
        roster.seq[view.within(agent, run) & roster.alive].tolist() for agent in (None, "x") for run in (None, "r", "s")
    ]
    for term, posting in view.postings(["tea", "boat", "violin"]).items():
        alive = roster.alive[posting.positions]
        told[term] = (roster.seq[posting.positions[alive]].tolist(), posting.counts[alive].tolist())
    cosines = view.scan(vector("tea"))
    assert cosines is not None
    told["cosines"] = cosines[living].round(3).tolist()
    return told


def as_on_disk(store: SqliteStore, user_id: str | None) -> dict[str, object]:
    """Of rosters that are read now."""
    kept, store._rosters = store._rosters, Rosters(store._rosters.dimension)
    try:
        return seen(store.view(user_id))
    finally:
        store._rosters = kept


CHANGE = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(TEXTS), st.integers(0, 9), st.sampled_from([None, "r", "s"])),
    st.tuples(st.just("delete"), st.integers(0, 30)),
    st.tuples(st.just("words"), st.integers(0, 30), st.sampled_from(TEXTS)),
    st.tuples(st.just("moment"), st.integers(0, 30), st.integers(0, 9)),
    st.tuples(st.just("recall"), st.integers(1, 30)),
    st.tuples(st.just("look")),
)


def change(found: Searching, what: tuple[Any, ...], number: int) -> None:
    store = found.store
    match what:
        case ("add", text, moment, run):
            agent, user = (None, "x")[number % 2], ("ada", "ben")[number % 3 // 2]
            found.add([turn(f"m{number}", text, created_at=NOW + moment, run_id=run, agent_id=agent, user_id=user)])
        case ("delete", which):
            store.delete([f"m{which}"], NOW).result()
        case ("words", which, text):
            store.amend(f"m{which}", Amendment(content=text, vector=vector(text)), NOW).result()
        case ("moment", which, moment):
            store.amend(f"m{which}", Amendment(created_at=NOW + moment), NOW).result()
        case ("recall", seq):
            store.record_recalls([seq], NOW, NOW - 1).result()
        case _:
            for user_id in ("ada", None):
                seen(store.view(user_id))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHANGE, max_size=25))
def test_it_has_followed_every_change(changes: list[tuple[Any, ...]]) -> None:
    with searching() as found:
        for number, what in enumerate(changes):
            change(found, what, number)
        for user_id in ("ada", "ben", None):
            assert seen(found.store.view(user_id)) == as_on_disk(found.store, user_id)


def test_after_many_changes_it_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident_module, "_MOST_NEWS", 3)
    monkeypatch.setattr(resident_module, "_MOST_CHANGES", 2)
    with searching() as found:
        found.add([turn(f"m{n}", "tea", run_id="r") for n in range(8)])
        before = found.store.view("")
        found.store.delete([f"m{n}" for n in range(5)], NOW).result()
        for n in (5, 6, 7):
            found.store.amend(f"m{n}", Amendment(content="boat", vector=vector("boat")), NOW).result()
            assert seen(found.store.view("")) == as_on_disk(found.store, "")
        assert before.roster.seq.tolist() == list(range(1, 9))  # what was given out stays what it was


def test_a_roster_that_was_given_out_stays_as_long_as_it_was() -> None:
    with searching() as found:
        found.add([turn("m0", "tea", run_id="r")])
        view = found.store.view("")
        found.add([turn(f"m{n}", "tea", run_id="r", created_at=NOW - n) for n in range(1, 50)])
        found.store.view("")
        assert len(view.roster) == 1
        assert view.roster.previous.tolist() == [-1]
        assert view.postings(["tea"])["tea"].positions.tolist() == [0]
        cosines = view.scan(vector("tea"))
        assert cosines is not None
        assert len(cosines) == 1


def test_the_ones_used_last_stay_within_the_budget() -> None:
    with searching() as found:
        store = found.store
        found.add([turn(f"{user}{n}", "tea", user_id=user) for user in ("a", "b", "c") for n in range(20)])
        found.hits("tea", "a")
        of_one = store._rosters._total
        store._rosters = rosters = Rosters(store._rosters.dimension, budget_bytes=2 * of_one)
        for user in ("a", "b", "c", "b", "a", "c"):
            assert len(found.hits("tea", user, top_k=100)) == 20
            assert rosters._total <= 2 * of_one
            assert len(rosters._resident) <= 2
        assert rosters._total == sum(roster.size_bytes for roster in rosters._resident.values())


@pytest.mark.parametrize("steps", [[1] * 40, [BLOCK + 1, 3, 2 * BLOCK, 1], [BLOCK, BLOCK], [5, BLOCK, 5]])
def test_vectors_in_blocks_are_those_that_were_put_in(steps: list[int]) -> None:
    random = np.random.default_rng(1)
    blocks, rows = VectorBlocks(8), np.zeros((0, 8), np.float32)
    for step in steps:
        fresh = random.standard_normal((step, 8)).astype(np.float32)
        blocks.append(fresh)
        rows = np.concatenate([rows, fresh])
    blocks.replace(len(rows) - 1, np.ones(8, np.float32))
    rows[-1] = 1
    query = random.standard_normal(8).astype(np.float32)
    for length in {1, len(rows) // 2, len(rows)}:
        assert np.allclose(blocks.cosines(query, length), rows[:length] @ query, atol=1e-5)
    assert blocks.size_bytes < rows.nbytes + BLOCK * 8 * 4


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Where does Caroline live?", {"Caroline"}),
        ("CAROLINE's cat", {"Caroline"}),
        ("Ada Lovelace and Caroline", {"Ada Lovelace", "Caroline"}),
        ("What did Ada say?", {"Ada Lovelace", "Ada Byron"}),
        ("Will you come?", set()),
        ("王小明喜欢什么", set()),
        ("nobody", set()),
    ],
)
def test_a_text_names_speakers_by_their_whole_name_or_the_first_of_it(text: str, named: set[str]) -> None:
    codes = SpeakerCodes()
    numbers = {
        codes.number(name): name for name in ("Caroline", "Ada Lovelace", "Ada Byron", "Will", "...", "caroline")
    }
    found = codes.named(tokens(text))
    assert {numbers[number] for number in found} == {name.lower() if name == "Caroline" else name for name in named}
