"""Memories by the clients against a real service: added, read, listed, changed, pinned, restored, deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from memorybank import ConflictError, InvalidRequestError, MemoryBankClient, NotFoundError, StorageFullError
from tests.client.conftest import Connect, Service
from tests.client.unreliable import Time, answer, hand_on, lose_the_answer, problem, unreliable

MOMENT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def test_a_memory_comes_back_with_all_that_was_given(bank: MemoryBankClient, user: str) -> None:
    added = bank.add(
        "I take the night train to Vienna on Friday.",
        user_id=user,
        agent_id="guide",
        run_id="s1",
        speaker="Ada",
        created_at=MOMENT,
        metadata={"topic": "travel", "since": MOMENT},
        importance=0.9,
        pinned=True,
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    found = bank.get(added.id)

    assert added.is_new
    assert (found.content, found.user_id, found.agent_id, found.run_id) == (added.content, user, "guide", "s1")
    assert (found.speaker, found.created_at, found.importance, found.pinned) == ("Ada", MOMENT, 0.9, True)
    assert found.metadata == {"topic": "travel", "since": "2027-01-15T08:00:00Z"}
    assert found.expires_at is not None
    assert (found.state, found.kind) == ("active", "turn")
    bank.delete(added.id)


@pytest.mark.parametrize("memory_id", ["a/b", "..", ".", "a?b#c%2F", "größe 1", "x" * 256])
def test_an_id_of_ones_own_may_be_any_text(bank: MemoryBankClient, memory_id: str) -> None:
    assert bank.add("Bo sings", id=memory_id).is_new
    assert not bank.add("Bo sings", id=memory_id).is_new
    with pytest.raises(ConflictError):
        bank.add("Bo whistles", id=memory_id)

    assert bank.get(memory_id).content == "Bo sings"
    bank.delete(memory_id)
    with pytest.raises(NotFoundError):
        bank.get(memory_id)


def test_the_turns_of_a_conversation_are_a_memory_each(bank: MemoryBankClient, user: str) -> None:
    added = bank.add_messages(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "Cy", "content": "Which train goes at night?", "created_at": MOMENT},
            {"role": "assistant", "content": "The NJ 295."},
        ],
        user_id=user,
        run_id="s1",
    )

    assert [(memory.speaker, memory.content) for memory in added] == [
        ("Cy", "Which train goes at night?"),
        ("assistant", "The NJ 295."),
    ]
    assert added[0].created_at == MOMENT
    for memory in added:
        bank.delete(memory.id)


def test_what_a_model_would_have_done_and_there_is_none_is_told(bank: MemoryBankClient, user: str) -> None:
    added = bank.add("Dan moved to Graz", user_id=user, infer=True)

    assert len(added.degraded) == 1
    bank.delete(added.id)


def test_many_are_stored_in_their_order_in_as_few_requests_as_may_be(
    connect: Connect, service: Service, user: str
) -> None:
    texts = [f"Line {number}" for number in range(1, 1006)]
    with unreliable(hand_on, hand_on, service_url=service.url) as server:
        added = connect(server.url, service.key, timeout=120).add_batch(texts, user_id=user)

    bank = connect(service.url, service.key)
    assert [len(json.loads(request.body)["memories"]) for request in server.requests] == [1000, 5]
    assert [bank.get(entry.id).content for entry in (added[0], added[999], added[1000], added[1004])] == [
        "Line 1",
        "Line 1000",
        "Line 1001",
        "Line 1005",
    ]
    listed = list(bank.list(user_id=user, page_size=1000))
    assert [memory.id for memory in reversed(listed)] == [entry.id for entry in added]


def test_a_batch_that_broke_off_is_completed_by_the_same_call_with_its_key(connect: Connect) -> None:
    texts = [f"Piece {number}" for number in range(1001)]
    first = answer(201, json.dumps({"results": [{"id": f"m{number}", "is_new": True} for number in range(1000)]}))
    second = answer(201, '{"results": [{"id": "m1000", "is_new": true}]}')
    with unreliable(first, problem(507, "volume-full"), first, second) as server:
        bank = connect(server.url)
        with pytest.raises(StorageFullError) as broken:
            bank.add_batch(texts)
        added = bank.add_batch(texts, idempotency_key=broken.value.idempotency_key)

    assert [entry.id for entry in added] == [f"m{number}" for number in range(1001)]
    sent = [(request.headers["Idempotency-Key"], request.body) for request in server.requests]
    assert sent[:2] == sent[2:]
    assert sent[0][0] != sent[1][0]


def test_a_list_is_gone_through_page_by_page_and_fetched_no_further_than_it_is_read(
    connect: Connect, service: Service, user: str
) -> None:
    direct = connect(service.url, service.key)
    ids = [direct.add(f"Day {number}", user_id=user, metadata={"n": number}).id for number in range(5)]
    with unreliable(*[hand_on] * 9, service_url=service.url) as server:
        bank = connect(server.url, service.key)
        entries = iter(bank.list(user_id=user, page_size=2))
        first = [next(entries).id, next(entries).id]
        assert len(server.requests) == 1
        rest = [memory.id for memory in entries]

    assert [*first, *rest] == ids[::-1]
    page = direct.list_page(user_id=user, limit=2)
    assert (len(page.results), page.total, page.next_cursor is None) == (2, 5, False)
    assert list(direct.list(user_id=user, states=["faded", "expired"])) == []
    for memory_id in ids:
        direct.delete(memory_id)


def test_a_change_leaves_alone_what_it_does_not_name(bank: MemoryBankClient, user: str) -> None:
    added = bank.add("Eli likes tea", user_id=user, metadata={"a": 1}, expires_at=MOMENT + timedelta(days=36500))

    changed = bank.update(added.id, content="Eli likes coffee", importance=0.7)
    assert (changed.content, changed.importance, changed.metadata) == ("Eli likes coffee", 0.7, {"a": 1})
    assert changed.expires_at == added.expires_at

    assert bank.update(added.id, expires_at=None).expires_at is None
    assert bank.update(added.id, metadata={"b": 2}, speaker="Eli", created_at=MOMENT).metadata == {"b": 2}
    with pytest.raises(InvalidRequestError, match="at least one"):
        bank.update(added.id)

    events = bank.history(added.id)
    assert [event.action for event in events][:2] == ["ADD", "UPDATE"]
    assert (events[1].old_content, events[1].new_content) == ("Eli likes tea", "Eli likes coffee")
    bank.delete(added.id)
    assert bank.history(added.id)[-1].action == "DELETE"


def test_a_memory_is_pinned_and_let_go_and_brought_back_from_expiry(bank: MemoryBankClient, user: str) -> None:
    added = bank.add("Flo is retired", user_id=user, expires_at=MOMENT - timedelta(days=3650))

    assert bank.get(added.id).state == "expired"
    assert bank.restore(added.id).state == "active"
    assert bank.pin(added.id).pinned
    assert not bank.unpin(added.id).pinned
    bank.delete(added.id)


def test_a_deletion_whose_answer_was_lost_is_done_and_no_error(connect: Connect, service: Service) -> None:
    memory_id = connect(service.url, service.key).add("Guy was here").id
    with unreliable(lose_the_answer, hand_on, hand_on, service_url=service.url) as server:
        bank = connect(server.url, service.key, sleep=Time().sleep)
        bank.delete(memory_id)
        with pytest.raises(NotFoundError):
            bank.delete(memory_id)


def test_what_a_newer_service_adds_to_a_memory_is_kept_aside(connect: Connect) -> None:
    times = dict.fromkeys(("created_at", "stored_at", "updated_at"), "2027-01-15T08:00:00.000Z")
    newer = json.dumps({"id": "1", "content": "x", **times, "mood": "good", "state": "dreaming"})
    with unreliable(answer(200, newer)) as server:
        memory = connect(server.url).get("1")

    assert memory.created_at == MOMENT
    assert memory.extra == {"mood": "good"}
    assert memory.state == "dreaming"  # type: ignore[comparison-overlap]
