"""The forgetting and the users, by the clients against a real service."""

from __future__ import annotations

from datetime import UTC, datetime

from memorybank import MemoryBankClient


def test_what_fades_first_is_told_with_its_reason(bank: MemoryBankClient, user: str) -> None:
    bank.add_batch([{"content": "Ivy reads", "pinned": True}, "Ivy writes", "Ivy counts"], user_id=user)

    outlooks = list(bank.forgetting_preview(user_id=user, page_size=2))

    assert [outlook.pinned for outlook in outlooks] == [False, False, True]
    first, last = outlooks[0], outlooks[-1]
    assert first.fades_at is not None
    assert first.fades_at > datetime.now(UTC)
    assert last.fades_at is None
    assert 0.9 < first.retention <= 1
    assert (first.strength, first.threshold, first.fades_in_next_run) == (1, 0.1, False)
    assert first.reason


def test_the_forgetting_runs_and_says_what_it_came_to(bank: MemoryBankClient) -> None:
    tried, run = bank.forgetting_run(dry_run=True), bank.forgetting_run()

    assert (tried.dry_run, run.dry_run) == (True, False)
    assert (run.faded, run.purged) == (tried.faded, tried.purged) == (0, 0)
    assert (datetime.now(UTC) - run.timestamp).total_seconds() < 3600


def test_users_are_listed_with_how_much_is_known_of_them(bank: MemoryBankClient, user: str) -> None:
    bank.add_batch(["Jo runs", "Jo swims"], user_id=user)

    assert {entry.user_id: entry.memories for entry in bank.users(page_size=2)}[user] == 2
