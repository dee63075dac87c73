"""When a call is tried again, and after how long: with every chance that there is, and no network."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank.attempts import Retrying, attempts
from memorybank.call import Answer, Call, Exchange, Pause
from memorybank.errors import ApiError, ConnectionFailedError, InvalidRequestError, UnavailableError
from memorybank.upload import Upload

chances = st.floats(0, 1, exclude_max=True)


@given(chances, st.integers(0, 40))
def test_a_pause_doubles_up_to_the_longest_and_is_at_least_half_of_it(chance: float, retries: int) -> None:
    retrying = Retrying(100, first_pause=0.5, longest_pause=8, most_waiting=1e9, chance=lambda: chance)
    pause = retrying.pause(ConnectionFailedError("gone"), retries, 0)

    longest = min(8, 0.5 * 2**retries)
    assert pause is not None
    assert longest / 2 <= pause <= longest


@given(chances, st.integers(0, 7), st.one_of(st.none(), st.floats(0, 100)), st.floats(0, 60))
def test_waiting_never_exceeds_what_is_allowed_nor_undercuts_what_was_asked(
    chance: float, retries: int, asked: float | None, waited: float
) -> None:
    retrying = Retrying(5, chance=lambda: chance)
    pause = retrying.pause(UnavailableError(503, "not yet", retry_after=asked), retries, waited)

    if pause is not None:
        assert retries < 5
        assert waited + pause <= retrying.most_waiting
        assert pause >= (asked or 0)


def test_a_negative_number_of_retries_is_refused() -> None:
    with pytest.raises(ValueError, match="max_retries"):
        Retrying(-1)


def exchanges(call: Call[Any], *replies: Answer | Exception) -> int:
    """How many times a call is sent where the network replies so; its last reply must be the end of it."""
    steps = attempts(call, Retrying(10))
    count, left = 0, list(replies)
    step = next(steps)
    try:
        while True:
            if isinstance(step, Pause):
                step = steps.send(0.0)
                continue
            assert isinstance(step, Exchange)
            count += 1
            reply = left.pop(0)
            step = steps.throw(reply) if isinstance(reply, Exception) else steps.send(reply)
    except (StopIteration, ApiError, ConnectionFailedError):
        assert not left
        return count


def answered(status: int, body: bytes = b"{}") -> Answer:
    return Answer(status, "", {}, body, "http://tenant/x")


LOST = ConnectionFailedError("no answer")
NOT_SENT = ConnectionFailedError("no connection", request_sent=False)


def test_a_body_that_can_be_read_once_only_is_not_sent_again_once_it_may_have_been_read() -> None:
    once = Call("POST", "/x", dict, upload=Upload(lambda: iter([b"{}"]), is_repeatable=False), writes=True)
    again = Call("POST", "/x", dict, upload=Upload(lambda: iter([b"{}"]), is_repeatable=True), writes=True)

    assert exchanges(once, NOT_SENT, answered(200)) == 2
    assert exchanges(once, LOST) == 1
    assert exchanges(once, answered(503)) == 1
    assert exchanges(again, NOT_SENT, LOST, answered(503), answered(200)) == 4


def test_not_found_means_deleted_only_where_an_attempt_before_may_have_done_it() -> None:
    delete = Call("DELETE", "/x", lambda answer: None, gone_is_done=True)

    with pytest.raises(StopIteration):
        drive(delete, LOST, answered(404))
    with pytest.raises(StopIteration):
        drive(delete, answered(502), answered(404))
    with pytest.raises(ApiError):
        drive(delete, answered(404))
    with pytest.raises(ApiError):
        drive(delete, NOT_SENT, answered(404))
    with pytest.raises(ApiError):
        drive(delete, answered(503), answered(404))


def drive(call: Call[Any], *replies: Answer | Exception) -> None:
    """Ends with StopIteration where the call has a result, else with its error."""
    steps = attempts(call, Retrying(10))
    next(steps)
    for reply in replies:
        step = steps.throw(reply) if isinstance(reply, Exception) else steps.send(reply)
        assert isinstance(step, Pause)
        steps.send(0.0)


def test_a_request_that_cannot_be_written_down_is_never_sent() -> None:
    with pytest.raises(ValueError, match="JSON"):
        next(attempts(Call("POST", "/x", dict, body={"number": float("nan")}), Retrying()))


def test_an_invalid_request_is_one_attempt() -> None:
    with pytest.raises(InvalidRequestError):
        drive(Call("POST", "/x", dict, body={}), answered(422))
