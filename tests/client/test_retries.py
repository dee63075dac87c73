"""What the clients do when answers are late, lost, cut short or "not now", and that nothing is done twice by it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from memorybank import (
    ApiError,
    AuthenticationError,
    ConflictError,
    ConnectionFailedError,
    MemoryBankClient,
    NoAnswerInTimeError,
    NotFoundError,
    RateLimitedError,
    StorageFullError,
    UnavailableError,
)
from tests.client.conftest import Connect, Service
from tests.client.unreliable import (
    Time,
    Turn,
    Unreliable,
    answer,
    break_off,
    hand_on,
    hang_up,
    lose_the_answer,
    problem,
    stay_silent,
    unreliable,
)

STORED = answer(200, '{"memory_id": "1", "status": "stored"}')


def keys(server: Unreliable) -> list[str | None]:
    return [request.headers.get("Idempotency-Key") for request in server.requests]


def test_a_memory_whose_answers_are_lost_is_stored_once(connect: Connect, service: Service) -> None:
    direct = connect(service.url, service.key)
    script = lose_the_answer, lose_the_answer, hand_on
    with unreliable(*script, service_url=service.url) as server:
        bank = connect(server.url, service.key, sleep=Time().sleep)

        memory_id = bank.store_memory("Fay was told twice and heard once", {"user_id": "fay"})

    found = direct.retrieve_memories("Fay", 10, {"user_id": "fay"})
    assert [memory.memory_id for memory in found] == [memory_id]
    assert len(set(keys(server))) == 1
    direct.forget_memory(memory_id)


def test_a_memory_whose_deletion_was_answered_into_the_void_counts_as_deleted(
    connect: Connect, service: Service
) -> None:
    memory_id = connect(service.url, service.key).store_memory("Gil was deleted")
    with unreliable(lose_the_answer, hand_on, hand_on, service_url=service.url) as server:
        bank = connect(server.url, service.key, sleep=Time().sleep)

        bank.forget_memory(memory_id)
        with pytest.raises(NotFoundError):
            bank.forget_memory(memory_id)


def test_the_same_key_of_the_callers_own_does_it_once_over_two_calls(bank: MemoryBankClient) -> None:
    first = bank.store_memory("Hal pays his bill", {"user_id": "hal"}, idempotency_key="bill-7")

    assert bank.store_memory("Hal pays his bill", {"user_id": "hal"}, idempotency_key="bill-7") == first
    assert len(bank.retrieve_memories("bill", 10, {"user_id": "hal"})) == 1


@pytest.mark.parametrize(
    "fault",
    [
        hang_up,
        break_off,
        answer(408),
        problem(429, "too-many-requests"),
        answer(502, "<html>"),
        problem(503, "not-ready"),
        answer(504, "<html>"),
        problem(409, "request-under-way"),
    ],
)
def test_what_may_go_better_next_time_is_tried_again_under_the_same_key(connect: Connect, fault: Turn) -> None:
    time = Time()
    with unreliable(fault, fault, STORED) as server:
        assert connect(server.url, sleep=time.sleep).store_memory("Ida") == "1"

    assert len(set(keys(server))) == 1
    assert None not in keys(server)
    assert len({request.body for request in server.requests}) == 1
    assert len(time.slept) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (problem(401, "unauthorized"), AuthenticationError),
        (problem(404, "not-found"), NotFoundError),
        (problem(409, "conflict"), ConflictError),
        (problem(422, "invalid-request"), ApiError),
        (problem(500, "internal"), ApiError),
        (problem(507, "volume-full"), StorageFullError),
    ],
)
def test_what_the_service_refused_is_never_sent_again(connect: Connect, fault: Turn, error: type[ApiError]) -> None:
    with unreliable(fault, STORED) as server:
        with pytest.raises(error, match=r"No\. \(HTTP") as refused:
            connect(server.url, sleep=Time().sleep).store_memory("Jon")

        assert len(server.requests) == 1
    assert refused.value.attempts == 1


def test_a_first_attempt_that_is_still_under_way_is_waited_for_beyond_the_number_of_retries(connect: Connect) -> None:
    under_way = problem(409, "request-under-way", Retry_After="1")
    with unreliable(hang_up, *[under_way] * 20, STORED) as server:
        time = Time()
        assert connect(server.url, max_retries=1, sleep=time.sleep).store_memory("Jill") == "1"
        assert len(server.requests) == 22
    with unreliable(*[under_way] * 99) as server:
        with pytest.raises(ConflictError) as refused:
            connect(server.url, sleep=Time().sleep).store_memory("Jill")
        assert refused.value.attempts == len(server.requests) > 40
    with unreliable(under_way) as server, pytest.raises(ConflictError):
        connect(server.url, max_retries=0).store_memory("Jill")


def test_a_last_failure_tells_how_often_it_was_tried_and_under_which_key(connect: Connect) -> None:
    with unreliable(*[hang_up] * 9) as server:
        with pytest.raises(ConnectionFailedError) as failed:
            connect(server.url, max_retries=4, sleep=Time().sleep).store_memory("Kim")

        assert len(server.requests) == 5
    assert failed.value.attempts == 5
    assert failed.value.request_sent
    assert {failed.value.idempotency_key} == set(keys(server))


def test_reading_is_tried_again_without_a_key(connect: Connect) -> None:
    with unreliable(hang_up, answer(200, '{"memories": []}'), hang_up, answer(200)) as server:
        bank = connect(server.url, sleep=Time().sleep)
        assert bank.retrieve_memories("Lea") == []
        bank.get_memory_stats()

    assert keys(server) == [None] * 4


def test_each_write_has_a_key_of_its_own(connect: Connect) -> None:
    with unreliable(STORED, STORED) as server:
        bank = connect(server.url)
        bank.store_memory("Max")
        bank.store_memory("Max")

    assert len(set(keys(server))) == 2


def test_the_service_says_when_to_come_back_and_is_not_asked_sooner(connect: Connect) -> None:
    time = Time()
    limited = problem(429, "too-many-requests", Retry_After="7")
    date = answer(503, Date="Sun, 06 Nov 1994 08:49:37 GMT", Retry_After="Sun, 06 Nov 1994 08:49:57 GMT")
    with unreliable(limited, date, STORED) as server:
        connect(server.url, sleep=time.sleep).store_memory("Nia")

    assert 7 <= time.slept[0] <= 8
    assert 20 <= time.slept[1] <= 21


def test_a_wait_beyond_all_patience_is_the_callers_to_decide(connect: Connect) -> None:
    time = Time()
    with unreliable(problem(429, "too-many-requests", Retry_After="3600")) as server:
        with pytest.raises(RateLimitedError) as refused:
            connect(server.url, sleep=time.sleep).health_check()

        assert refused.value.retry_after == 3600
    assert time.slept == []


def test_all_waiting_of_one_call_is_bounded(connect: Connect) -> None:
    time = Time()
    with unreliable(*[problem(503, "not-ready", Retry_After="4")] * 50) as server:
        with pytest.raises(UnavailableError):
            connect(server.url, max_retries=50, max_wait=10, sleep=time.sleep).health_check()

        assert len(server.requests) == 3
    assert sum(time.slept) <= 10


def test_silence_ends_after_the_timeout_and_is_told_as_such(connect: Connect) -> None:
    with unreliable(stay_silent) as server, pytest.raises(NoAnswerInTimeError, match="/health") as failed:
        connect(server.url, timeout=0.05, max_retries=0).health_check()

    assert failed.value.request_sent


def test_a_tenant_that_comes_back_meanwhile_is_no_failure(connect: Connect) -> None:
    """As between two pods of one tenant: nobody listens, then somebody does."""
    with unreliable() as gone:
        port = gone.server_address[1]
    with ExitStack() as until_the_end:

        def come_back(seconds: float) -> None:
            until_the_end.enter_context(unreliable(answer(200, '{"status": "healthy"}'), port=port))

        assert connect(gone.url, sleep=come_back).health_check() == {"status": "healthy"}
