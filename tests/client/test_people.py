"""What is known of users, by the clients against a real service."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from memorybank import MemoryBankClient, NotFoundError

MORNING = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def test_users_are_listed_with_how_much_is_known_of_them(bank: MemoryBankClient, user: str) -> None:
    bank.add_batch(["Jo runs", "Jo swims"], user_id=user)

    assert {entry.user_id: entry.memories for entry in bank.users(page_size=2)}[user] == 2


def test_a_users_days_are_told_and_what_keeps_them_from_being_summed_up(bank: MemoryBankClient, user: str) -> None:
    for day in (15, 15, 17):
        bank.add("Something was said.", user_id=user, created_at=MORNING.replace(day=day))

    timeline, summaries, profile = bank.timeline(user), bank.summaries(user), bank.profile(user)

    assert [(day.day, day.memories) for day in timeline] == [(date(2027, 1, 17), 1), (date(2027, 1, 15), 2)]
    assert (len(summaries), summaries.overall, profile.portrait, profile.strategy) == (0, None, None, None)
    assert (profile.memories, profile.facts, profile.first_seen) == (3, 0, MORNING)
    assert timeline.degraded == summaries.degraded == profile.degraded
    assert "language model" in profile.degraded[0]


def test_days_are_told_from_one_to_another_and_a_few_at_a_time(bank: MemoryBankClient, user: str) -> None:
    for day in (15, 16, 17):
        bank.add(f"Said on the {day}th.", user_id=user, created_at=MORNING.replace(day=day))

    [latest] = page = bank.timeline(user, limit=1, first=date(2027, 1, 16))
    assert (latest.day.day, latest.opening, latest.facts) == (17, "Said on the 17th.", ())
    following = bank.timeline(user, cursor=page.next_cursor, first=date(2027, 1, 16))
    assert ([day.day.day for day in following], following.next_cursor) == ([16], None)
    assert [day.day.day for day in bank.timeline(user, last=date(2027, 1, 15))] == [15]


def test_nobody_is_not_found(bank: MemoryBankClient) -> None:
    for ask in (bank.profile, bank.summaries, bank.timeline):
        with pytest.raises(NotFoundError):
            ask("nobody/at all")
