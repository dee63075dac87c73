"""Waiting for work in the background."""

from __future__ import annotations

import json

import pytest

from memorybank import ConflictError, JobFailedError, JobUnfinishedError, MemoryBankClient, NotFoundError
from tests.client.conftest import Connect
from tests.client.unreliable import Time, Turn, answer, hang_up, problem, unreliable


def looked_at(state: str, **more: object) -> Turn:
    return answer(200, json.dumps({"id": "j1", "kind": "import", "state": state, **more}))


def test_a_job_is_looked_at_more_and_more_seldom_until_it_is_done(connect: Connect) -> None:
    time, seen = Time(), list[str]()
    states = [looked_at("queued"), *[looked_at("running")] * 20, looked_at("succeeded", result={"memories": 3})]
    with unreliable(*states) as server:
        bank = connect(server.url, sleep=time.sleep, clock=time)
        job = bank.wait_for_job("j1", on_look=lambda job: seen.append(job.state))

    assert job.result == {"memories": 3}
    assert time.slept == sorted(time.slept)
    assert time.slept[0] < 1
    assert time.slept[-1] == 5
    assert seen == ["queued", *["running"] * 20, "succeeded"]


def test_a_job_that_is_given_up_is_an_error_with_its_reason(connect: Connect) -> None:
    with (
        unreliable(looked_at("dead", error="the file is no backup")) as server,
        pytest.raises(JobFailedError, match="dead: the file is no backup") as failed,
    ):
        connect(server.url).wait_for_job("j1")

    assert failed.value.job.id == "j1"


def test_patience_with_a_job_ends_on_time(connect: Connect) -> None:
    time = Time()
    with (
        unreliable(*[looked_at("running")] * 50) as server,
        pytest.raises(JobUnfinishedError, match="still running after 30 s"),
    ):
        connect(server.url, sleep=time.sleep, clock=time).wait_for_job("j1", timeout=30)

    assert sum(time.slept) == pytest.approx(30)


def test_a_tenant_that_is_away_for_a_moment_does_not_end_the_waiting(connect: Connect) -> None:
    time = Time()
    with unreliable(looked_at("running"), hang_up, looked_at("succeeded")) as server:
        assert connect(server.url, sleep=time.sleep, clock=time).wait_for_job("j1").state == "succeeded"


def test_a_job_that_is_not_there_is_not_found(bank: MemoryBankClient) -> None:
    with pytest.raises(NotFoundError):
        bank.job("nothing")
    with pytest.raises(NotFoundError):
        bank.wait_for_job("nothing")
    with pytest.raises(NotFoundError):
        bank.retry_job("nothing")


def test_a_retry_whose_answer_was_lost_is_no_conflict(connect: Connect) -> None:
    conflict = problem(409, "conflict", "The job is queued.")
    with unreliable(hang_up, conflict, looked_at("queued"), hang_up, conflict, looked_at("dead"), conflict) as server:
        bank = connect(server.url, sleep=Time().sleep)

        assert bank.retry_job("j1").state == "queued"
        with pytest.raises(ConflictError):
            bank.cancel_job("j1")
        with pytest.raises(ConflictError):
            bank.retry_job("j1")


def test_the_jobs_of_a_tenant_are_listed(bank: MemoryBankClient) -> None:
    assert list(bank.jobs(state="dead", kind="import")) == []
