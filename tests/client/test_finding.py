"""Searches and contexts by the clients against a real service."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from memorybank import InvalidRequestError, MemoryBankClient
from tests.client.conftest import Connect, Service
from tests.client.unreliable import hand_on, lose_the_answer, unreliable

MOMENT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def test_what_is_found_comes_with_how_well_it_answers(bank: MemoryBankClient, user: str) -> None:
    added = bank.add("I take the night train to Vienna.", user_id=user, speaker="Ada", created_at=MOMENT)
    bank.add("My sister is allergic to peanuts.", user_id=user)

    found = bank.search("how does Ada travel?", user_id=user, explain=True, reinforce=False)

    assert len(found) == 2
    assert found[0].id == added.id
    assert found[0].created_at == MOMENT
    assert found[0].extra == {}
    assert 0.2 < found[0].similarity <= 1
    assert found[0].retention == pytest.approx(1, abs=0.01)
    assert found[0].score >= found[1].score
    assert found[0].explain
    assert found.degraded == ()
    assert [entry.id for entry in found[:1]] == [added.id]


def test_filters_threshold_and_top_k_narrow_what_is_found(bank: MemoryBankClient, user: str) -> None:
    for number in range(4):
        moment = MOMENT + timedelta(days=number)
        bank.add(f"Tea number {number}", user_id=user, created_at=moment, metadata={"n": number})

    def numbers(**narrowing: object) -> set[object]:
        found = bank.search("tea", user_id=user, **narrowing)  # type: ignore[arg-type]
        return {entry.metadata["n"] for entry in found}

    assert numbers() == {0, 1, 2, 3}
    assert len(numbers(top_k=1)) == 1
    assert numbers(filters={"created_at": {"gte": MOMENT + timedelta(days=2)}}) == {2, 3}
    assert numbers(filters={"OR": [{"n": 0}, {"n": {"in": [3, 7]}}], "NOT": {"n": 3}}) == {0}
    assert numbers(threshold=1.0) == set()


def test_states_and_neighbours_are_found_on_request(bank: MemoryBankClient, user: str) -> None:
    added = bank.add_messages(
        [{"role": "user", "content": text} for text in ("Good morning!", "I moved to Graz.", "It rains a lot.")],
        user_id=user,
        run_id="s1",
    )
    gone = bank.add("I lived in Linz.", user_id=user, expires_at=MOMENT - timedelta(days=9999))

    found = bank.search("where did I move to?", user_id=user, neighbors=1)
    also = bank.search("where did I live?", user_id=user, include=["expired"])

    assert found[0].id == added[1].id
    assert [entry.id for entry in found[0].neighbors] == [added[0].id, added[2].id]
    assert gone.id not in {entry.id for entry in found}
    assert gone.id in {entry.id for entry in also}


def test_dates_in_a_query_count_from_the_day_that_is_given(bank: MemoryBankClient, user: str) -> None:
    bank.add("We went to the lake.", user_id=user, created_at=MOMENT - timedelta(days=1))
    bank.add("We went to the opera.", user_id=user, created_at=MOMENT - timedelta(days=30))

    for day in (date(2027, 1, 15), MOMENT):
        found = bank.search("where did we go yesterday?", user_id=user, reference_date=day)
        assert found[0].content == "We went to the lake."


def test_a_context_is_a_text_for_a_prompt_within_its_budget(bank: MemoryBankClient, user: str) -> None:
    bank.add_batch([f"I own a dog called Rex{number}." for number in range(30)], user_id=user)

    context = bank.context("which dogs?", user_id=user, max_tokens=120, reinforce=False)

    assert 0 < len(context.memories) < 30
    assert context.tokens <= 120
    assert all(memory.content in context.text for memory in context.memories)


def test_everyone_is_searched_by_those_who_may(bank: MemoryBankClient, user: str) -> None:
    added = bank.add("Zoltan collects meteorites.", user_id=user)

    assert bank.search("who collects meteorites?", user_id="*")[0].id == added.id
    assert added.id not in {entry.id for entry in bank.search("who collects meteorites?")}


def test_what_cannot_be_asked_is_refused_by_name(bank: MemoryBankClient) -> None:
    with pytest.raises(InvalidRequestError, match="filters") as refused:
        bank.search("x", filters={"created_at": {"gte": "soon"}})
    assert "filters" in refused.value.errors[0]["field"]


def test_a_search_whose_answer_is_lost_is_asked_again(connect: Connect, service: Service, user: str) -> None:
    connect(service.url, service.key).add("I like figs.", user_id=user)
    with unreliable(lose_the_answer, hand_on, service_url=service.url) as server:
        bank = connect(server.url, service.key, sleep=lambda seconds: None)

        assert len(bank.search("figs", user_id=user)) == 1


def test_a_list_is_narrowed_by_filters(bank: MemoryBankClient, user: str) -> None:
    bank.add_batch([{"content": f"Day {n}", "metadata": {"n": n}} for n in range(5)], user_id=user)

    chosen = bank.list(user_id=user, filters={"n": {"gte": 3}}, states=["active", "faded"])

    assert [memory.metadata["n"] for memory in chosen] == [4, 3]
