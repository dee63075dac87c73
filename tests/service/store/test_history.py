"""What a store remembers of what happened: whose hand it was, and to which memory of an id."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from memorybank_service.store import Along, Amendment, NewMemory
from memorybank_service.store.records import GONE
from memorybank_service.store.sqlite_store import SqliteStore

Open = Callable[..., SqliteStore]
GRAZ = NewMemory("graz", "Ada lives in Graz.", 1.0, 1.0, "ada", kind="fact")
LINZ = replace(GRAZ, id="linz", content="Ada lives in Linz.", stored_at=2.0, supersedes=("graz",))
WELS = replace(GRAZ, id="wels", content="Ada lives in Wels.", stored_at=3.0, supersedes=("linz",))


def texts_of(store: SqliteStore, memory_id: str) -> list[str | None]:
    return [text for event in store.history(memory_id) for text in (event.old_content, event.new_content)]


def test_who_added_a_memory_is_kept_with_it(open_store: Open) -> None:
    store = open_store()
    [added] = store.add([GRAZ], Along(actor="key of ada")).result()
    assert added.memory.added_by == "key of ada"


def test_a_deleted_memory_leaves_when_it_came_and_went_and_by_whom(open_store: Open) -> None:
    store = open_store()
    store.add([GRAZ], Along(actor="one")).result()
    store.amend("graz", Amendment(content="Ada lives in Gratz."), 2.0, Along(actor="two")).result()
    store.delete(["graz"], 3.0, Along(actor="three")).result()
    told = [(event.action, event.at, event.actor) for event in store.history("graz")]
    assert told == [("ADD", 1.0, "one"), ("UPDATE", 2.0, "two"), ("DELETE", 3.0, "three")]
    assert texts_of(store, "graz") == [None] * 6


def test_a_fact_whose_successor_is_deleted_stays_superseded_by_none_that_is_gone(open_store: Open) -> None:
    store = open_store()
    store.add([GRAZ]).result()
    store.add([LINZ]).result()
    store.delete(["linz"], 3.0).result()
    graz = store.find("graz")
    assert graz is not None
    assert graz.superseded_by == GONE
    assert bool(store.view("ada").roster.superseded[0])
    assert "Ada lives in Linz." not in texts_of(store, "graz")
    assert [event.action for event in store.history("graz")] == ["SUPERSEDE"]


def test_it_can_be_restored(open_store: Open) -> None:
    store = open_store()
    store.add([GRAZ]).result()
    store.add([LINZ]).result()
    store.delete(["linz"], 3.0).result()
    restored = store.restore("graz", 4.0).result()
    assert restored is not None
    assert restored.superseded_by is None
    assert not store.view("ada").roster.superseded[0]


def test_what_comes_after_a_deleted_fact_has_taken_the_place_of_what_came_before_it(open_store: Open) -> None:
    store = open_store()
    for fact in (GRAZ, LINZ, WELS):
        store.add([fact]).result()
    store.delete(["linz"], 4.0).result()
    graz = store.find("graz")
    assert graz is not None
    assert graz.superseded_by == "wels"


@pytest.mark.parametrize("content", ["Ada lives in Lintz.", "Ada lives in Linz."])
def test_the_words_of_a_deleted_fact_are_gone_from_its_predecessors_too(open_store: Open, content: str) -> None:
    store = open_store()
    store.add([GRAZ]).result()
    store.add([LINZ]).result()
    store.amend("linz", Amendment(content=content), 3.0).result()
    store.delete(["linz"], 4.0).result()
    assert not [text for text in texts_of(store, "graz") if text is not None and "Lin" in text]
