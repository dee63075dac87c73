"""What a model made of a user's days: kept, replaced, due, and gone with what it was made of."""

from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.store import (
    Along,
    Amendment,
    Basis,
    BasisGoneError,
    JobEnd,
    JobGoneError,
    NewJob,
    NewMemory,
)
from memorybank_service.store.days import FIRST, LAST, bounds, day_of
from memorybank_service.store.people import SUMMARISE, Due
from memorybank_service.store.records import NOTHING_ALONG, OF_ALL_DAYS, KeptSummary, SummaryKind
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.tombstones import digest_of

Open = Callable[..., SqliteStore]
DAY = 86_400.0
MONDAY, TUESDAY, WEDNESDAY = "2027-01-11", "2027-01-12", "2027-01-13"
NOON = datetime(2027, 1, 11, 12, tzinfo=UTC).timestamp()


def said(name: str, at: float = NOON, **given: object) -> NewMemory:
    content = str(given.pop("content", f"what {name} says"))
    return NewMemory(name, content, created_at=at, stored_at=at, user_id=str(given.pop("user_id", "ada")), **given)  # type: ignore[arg-type]


def summary(kind: SummaryKind, day: str, *sources: str, text: str = "A day.", at: float = NOON) -> KeptSummary:
    return KeptSummary(kind, day, text, sources, "test/scripted", at)


def write(store: SqliteStore, *made: KeptSummary, along: Along = NOTHING_ALONG) -> None:
    store.people.write("ada", made, NOON, along).result()


def due(store: SqliteStore, today: str = WEDNESDAY, since: float = 0.0) -> list[str]:
    return [entry.day for entry in store.people.due(today, since, 10)]


def settle(store: SqliteStore) -> None:
    """Nothing is due any more."""
    everything = store.people.due(LAST, NOON * 2, 100)
    store.people.hand_over(everything, [], NOON).result()


def test_a_day_on_which_something_was_said_is_due_when_it_is_over(open_store: Open) -> None:
    store = open_store()
    store.add([said("a"), said("b", NOON + DAY), said("c", NOON + 2 * DAY)]).result()
    assert due(store, MONDAY) == []
    assert due(store, WEDNESDAY) == [TUESDAY, MONDAY]
    assert [entry.day for entry in store.people.due_of("ada", 10)] == [WEDNESDAY, TUESDAY, MONDAY]


def test_nothing_is_due_of_what_was_said_without_a_user_nor_of_facts(open_store: Open) -> None:
    store = open_store()
    store.add([said("a", user_id=""), said("f", kind="fact")]).result()
    assert due(store) == []


def test_what_is_handed_over_is_not_due_until_something_more_is_said(open_store: Open) -> None:
    store = open_store()
    store.add([said("a")]).result()
    job = NewJob(SUMMARISE, {"day": MONDAY}, "ada", key="ada-monday")
    [first] = store.people.hand_over([Due("ada", MONDAY)], [job], NOON).result()
    assert due(store) == []
    assert [waiting.id for waiting in store.jobs(state="queued")] == [first]
    store.add([said("b")]).result()
    assert due(store) == [MONDAY]
    assert store.people.hand_over([Due("ada", MONDAY)], [job], NOON).result() == [first]


def test_a_summary_takes_the_place_of_the_one_before(open_store: Open) -> None:
    store = open_store()
    store.add([said("a")]).result()
    write(store, summary("day", MONDAY, "a", text="first"))
    write(store, summary("day", MONDAY, "a", text="second", at=NOON + 1), summary("insight", MONDAY, "a"))
    kept = store.people.summary("ada", "day", MONDAY)
    assert kept == summary("day", MONDAY, "a", text="second", at=NOON + 1)
    assert store.people.summary("ben", "day", MONDAY) is None
    store.people.write("ada", [], NOON, NOTHING_ALONG, none=[("day", MONDAY)]).result()
    assert store.people.summary("ada", "day", MONDAY) is None
    assert store.people.summary("ada", "insight", MONDAY) is not None


def test_summaries_are_listed_by_their_days_the_latest_first(open_store: Open) -> None:
    store = open_store()
    store.add([said("a")]).result()
    write(store, *(summary("day", day, "a") for day in (MONDAY, TUESDAY, WEDNESDAY)))
    listed = store.people.summaries("ada", "day", FIRST, TUESDAY, 5)
    assert [found.day for found in listed] == [TUESDAY, MONDAY]
    assert [found.day for found in store.people.summaries("ada", "day", FIRST, LAST, 1)] == [WEDNESDAY]


def test_a_user_is_due_when_their_days_are_done_or_when_they_have_waited_long_enough(open_store: Open) -> None:
    store = open_store()
    store.add([said("a"), said("b", NOON + DAY)]).result()
    write(store, summary("day", MONDAY, "a"))
    store.people.hand_over([Due("ada", MONDAY)], [], NOON).result()
    assert due(store) == [TUESDAY]
    assert due(store, since=NOON) == [OF_ALL_DAYS, TUESDAY]
    store.people.hand_over([Due("ada", TUESDAY)], [NewJob(SUMMARISE, user_id="ada")], NOON).result()
    assert due(store) == []
    job = store.take_job(NOON, frozenset({SUMMARISE})).result()
    assert job is not None
    assert due(store) == []
    store.end_job(JobEnd(job.id, {}), NOON).result()
    assert due(store) == [OF_ALL_DAYS]


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.delete(["a"], NOON),
        lambda store: store.amend("a", Amendment(content="something else"), NOON),
        lambda store: store.amend("a", Amendment(speaker="Ben"), NOON),
        lambda store: store.amend("a", Amendment(expires_at=NOON * 2), NOON),
    ],
    ids=["deleted", "rewritten", "said by another", "made to expire"],
)
def test_what_was_made_of_a_memory_goes_when_that_changes_and_is_due_again(
    open_store: Open, change: Callable[[SqliteStore], Future[object]]
) -> None:
    store = open_store()
    store.add([said("a"), said("b"), said("c", NOON + DAY)]).result()
    write(
        store,
        summary("day", MONDAY, "a", "b"),
        summary("insight", MONDAY, "b"),
        summary("day", TUESDAY, "c"),
        summary("overall", OF_ALL_DAYS, MONDAY, TUESDAY),
        summary("portrait", OF_ALL_DAYS, TUESDAY),
    )
    settle(store)
    change(store).result()
    people = store.people
    assert people.summary("ada", "day", MONDAY) is None
    assert people.summary("ada", "insight", MONDAY) is not None
    assert people.summary("ada", "overall") is None
    assert people.summary("ada", "portrait") is not None
    assert people.summary("ada", "day", TUESDAY) is not None
    assert due(store, since=NOON) == [OF_ALL_DAYS, MONDAY]


def test_what_is_moved_to_another_day_is_due_on_both(open_store: Open) -> None:
    store = open_store()
    store.add([said("a")]).result()
    write(store, summary("day", MONDAY, "a"))
    settle(store)
    store.amend("a", Amendment(created_at=NOON + DAY), NOON).result()
    assert due(store) == [TUESDAY, MONDAY]


def test_what_is_forgotten_leaves_its_traces_and_may_be_learnt_again(open_store: Open) -> None:
    store = open_store()
    fact = said("f", content="Ada lives in Vienna", kind="fact", sources=["a"])
    store.add([said("a"), fact]).result()
    write(store, summary("day", MONDAY, "a"))
    [seq] = [memory.seq for memory in (store.find("a"),) if memory is not None]
    store.record_fading({seq: NOON}, [], {}, NOON).result()
    assert store.record_fading({}, [], {seq: NOON}, NOON).result() == 1
    assert store.find("a") is None
    assert store.find("f") is not None
    assert store.people.summary("ada", "day", MONDAY) is not None
    assert store.tombstones("ada") == set()


def test_nothing_is_written_that_was_made_of_what_has_changed_meanwhile(open_store: Open) -> None:
    store = open_store()
    store.add([said("a"), said("f", content="Ada likes tea", kind="fact")]).result()
    write(store, summary("day", MONDAY, "a"))
    read = Basis("ada", {"a": NOON}, {("day", MONDAY): NOON}, [digest_of("Ada likes tea")])
    write(store, summary("overall", OF_ALL_DAYS, MONDAY, text="first"), along=Along(basis=read))

    def refused(basis: Basis) -> bool:
        made = summary("overall", OF_ALL_DAYS, MONDAY, text="second")
        failure = store.people.write("ada", [made], NOON, Along(basis=basis)).exception()
        kept = store.people.summary("ada", "overall")
        assert kept is not None
        return isinstance(failure, BasisGoneError) and kept.text == "first"

    assert refused(Basis("ada", {"a": NOON - 1}))
    assert refused(Basis("ben", {"a": NOON}))
    assert refused(Basis("ada", {"unknown": NOON}))
    assert refused(Basis("ada", summaries={("day", MONDAY): NOON - 1}))
    assert refused(Basis("ada", summaries={("day", TUESDAY): NOON}))
    store.delete(["f"], NOON).result()
    assert refused(read)
    assert isinstance(store.add([said("g")], Along(basis=read)).exception(), BasisGoneError)
    assert store.find("g") is None


def test_jobs_that_were_done_together_end_together(open_store: Open) -> None:
    store = open_store()
    store.add([said("a")]).result()
    ids = [store.enqueue(NewJob("extract", user_id="ada"), NOON + place).result().id for place in range(3)]
    store.enqueue(NewJob("extract", user_id="ben", due=NOON * 2), NOON).result()
    job = store.take_job(NOON, frozenset({"extract"})).result()
    assert job is not None
    waiting = [other.id for other in store.waiting_jobs("extract", "ada", NOON + 5, 10)]
    assert [job.id, *waiting] == ids
    store.cancel_job(ids[2], NOON).result()
    failure = store.add([said("b")], Along(ends=JobEnd(job.id, {}, together=waiting))).exception()
    assert isinstance(failure, JobGoneError)
    assert store.find("b") is None
    store.add([said("b")], Along(ends=JobEnd(job.id, {"facts": 1}, together=ids[1:2]))).result()
    ended = store.job(ids[1])
    assert ended is not None
    assert (ended.state, ended.result) == ("succeeded", {"done_with": job.id})
    assert store.count_jobs() == {("extract", "succeeded"): 2, ("extract", "cancelled"): 1, ("extract", "queued"): 1}


def test_a_job_that_was_put_off_without_fault_has_all_its_attempts_left(open_store: Open) -> None:
    store = open_store()
    job_id = store.enqueue(NewJob("extract"), NOON).result().id
    for counted, attempts in ((False, 0), (True, 1)):
        store.take_job(NOON, frozenset({"extract"})).result()
        store.put_off_job(job_id, NOON, "the budget is spent", NOON, counted=counted).result()
        waiting = store.job(job_id)
        assert waiting is not None
        assert waiting.attempts == attempts


def test_a_user_is_known_since_the_first_thing_they_said(open_store: Open) -> None:
    store = open_store()
    store.add([said("b", NOON), said("a", NOON - DAY), said("f", kind="fact"), said("x", user_id="")]).result()
    known = store.people.acquaintance("ada")
    assert known is not None
    assert (known.turns, known.facts, known.first_at, known.last_at) == (2, 1, NOON - DAY, NOON)
    assert store.people.acquaintance("ben") is None
    assert store.people.acquaintance("") is None


def test_days_tell_what_was_said_and_learnt_on_them(open_store: Open) -> None:
    store = open_store()
    midnight = bounds(TUESDAY)[0]
    store.add(
        [
            said("late", midnight - 0.0001),
            said("early", midnight),
            said("secret", midnight + 1, expires_at=NOON * 2),
            said("minor", midnight, kind="fact", importance=0.1),
            said("major", midnight, kind="fact", importance=0.9),
            said("gone", midnight, kind="fact", importance=1.0),
            said("new", midnight + 2, kind="fact", importance=0.2, supersedes=["gone"]),
            said("his", midnight, user_id="ben"),
        ]
    ).result()
    days = store.people.days("ada", FIRST, LAST, 10)
    assert [(day.day, day.turns, day.facts) for day in days] == [(TUESDAY, 2, 4), (MONDAY, 1, 0)]
    assert [day.day for day in store.people.days("ada", FIRST, MONDAY, 10)] == [MONDAY]
    assert [turn.id for turn in store.people.turns_of_day("ada", TUESDAY, 10)] == ["early"]
    assert [fact.id for fact in store.people.facts_of_day("ada", TUESDAY, 10)] == ["major", "new", "minor"]


def test_what_was_said_before_is_of_the_same_conversation(open_store: Open) -> None:
    store = open_store()
    store.add(
        [
            said("1", run_id="r"),
            said("2", run_id="r"),
            said("other", run_id="s"),
            said("agent", run_id="r", agent_id="x"),
            said("fact", run_id="r", kind="fact"),
            said("3", run_id="r"),
            said("4", run_id="r"),
            said("loose"),
        ]
    ).result()
    last, loose = store.find("4"), store.find("loose")
    assert last is not None
    assert loose is not None
    assert [turn.id for turn in store.people.said_before(last, (), 2)] == ["2", "3"]
    assert [turn.id for turn in store.people.said_before(last, ["3"], 5)] == ["1", "2"]
    assert store.people.said_before(loose, (), 5) == []


@given(st.floats(-60_000_000_000, 250_000_000_000))
def test_a_day_lies_between_its_bounds(moment: float) -> None:
    start, end = bounds(day_of(moment))
    assert start <= moment < end
