"""Who there are memories of, and what a memory took the place of."""

from collections.abc import Callable

from memorybank_service.store import Entity, NewMemory
from memorybank_service.store.sqlite_store import SqliteStore

Open = Callable[..., SqliteStore]


def memory(name: str, at: float, **given: object) -> NewMemory:
    return NewMemory(name, f"The words of {name}.", created_at=1.0, stored_at=at, **given)  # type: ignore[arg-type]


def test_users_agents_apps_and_runs_are_listed_with_how_many_memories_each_has(open_store: Open) -> None:
    store = open_store()
    store.add(
        [
            memory("m1", 10.0, user_id="ada", agent_id="cook", run_id="s1", metadata={"app_id": "shop"}),
            memory("m2", 20.0, user_id="ada", metadata={"app_id": 7}),
            memory("m3", 30.0, agent_id="cook"),
            memory("m4", 40.0),
        ]
    ).result()
    everyone = [
        Entity("user", "ada", 2, 10.0, 20.0),
        Entity("agent", "cook", 2, 10.0, 30.0),
        Entity("app", "shop", 1, 10.0, 10.0),
        Entity("run", "s1", 1, 10.0, 10.0),
    ]
    assert store.entities.listed(10, 0) == everyone
    assert store.entities.listed(2, 1) == everyone[1:3]
    assert store.entities.counted() == {"user": 1, "agent": 1, "app": 1, "run": 1}
    store.delete(["m1", "m2"], 50.0).result()
    assert store.entities.listed(10, 0) == [Entity("agent", "cook", 1, 30.0, 30.0)]


def test_what_a_fact_took_the_place_of_is_known_at_second_hand_too(open_store: Open) -> None:
    store = open_store()
    for number in range(3):
        supersedes = [f"f{number - 1}"] if number else []
        store.add([memory(f"f{number}", float(number), kind="fact", supersedes=supersedes)]).result()
    store.add([memory("other", 9.0, kind="fact")]).result()
    assert sorted(store.entities.superseded_by("f2")) == ["f0", "f1"]
    assert store.entities.superseded_by("f0") == []
    assert store.entities.superseded_by("unknown") == []
