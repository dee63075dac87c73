"""A tenant's memories out of it and into it again, by the clients."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memorybank import (
    AsyncMemoryBankClient,
    ConnectionFailedError,
    InvalidRequestError,
    MemoryBankClient,
    UnexpectedAnswerError,
)
from tests.client.conftest import Connect, Service
from tests.client.unreliable import Time, answer, break_off, hand_on, hang_up, lose_the_answer, unreliable

MOMENT = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def test_what_is_exported_can_be_deleted_and_imported_again(bank: MemoryBankClient, user: str) -> None:
    odd = "Line\u2028separators \u0085 and größe"
    ids = [bank.add(odd, user_id=user, created_at=MOMENT).id, bank.add("Plain", user_id=user, pinned=True).id]
    lines = list(bank.export(user_id=user))
    for memory_id in ids:
        bank.delete(memory_id)

    job = bank.import_(lines, timeout=60)

    assert [line["type"] for line in lines][:1] == ["memorybank-export"]
    assert lines[-1]["type"] == "end"
    assert job.result is not None
    assert job.result["imported"] >= 2
    back = {memory.id: memory for memory in bank.list(user_id=user)}
    assert list(back) == ids[::-1]
    assert (back[ids[0]].content, back[ids[0]].created_at, back[ids[1]].pinned) == (odd, MOMENT, True)


def test_an_export_goes_to_a_file_and_comes_from_one(bank: MemoryBankClient, user: str, tmp_path: Path) -> None:
    bank.add_batch(["One", "Two"], user_id=user)
    path = tmp_path / "export.ndjson"

    with path.open("wb") as file:
        written = bank.export_to(file, user_id=user)

    assert written == len(path.read_bytes())
    for source in (path, io.BytesIO(path.read_bytes())):
        job = bank.import_(source, timeout=60)
        assert job.result is not None
        assert job.result["imported"] == 0


def test_memories_of_any_origin_are_imported_and_what_is_wrong_is_told_by_its_line(
    bank: MemoryBankClient, user: str
) -> None:
    seen: list[str] = []

    def made() -> Iterator[dict[str, Any]]:
        for number in range(3):
            yield {"content": f"Thing {number}", "user_id": user, "created_at": MOMENT}
        yield {"content": "", "user_id": user}

    job = bank.import_(made(), timeout=60, on_look=lambda job: seen.append(job.state))

    assert job.result is not None
    assert (job.result["imported"], job.result["refused"]) == (3, 1)
    assert job.result["errors"][0]["line"] == 4
    assert len(list(bank.list(user_id=user))) == 3
    assert seen[-1] == "succeeded"


def test_an_import_need_not_be_waited_for(bank: MemoryBankClient, user: str) -> None:
    begun = bank.import_([{"content": "Later", "user_id": user}], wait=False)

    assert bank.wait_for_job(begun, timeout=60).id == begun.id


def test_an_import_whose_answer_was_lost_is_sent_again_from_its_beginning_and_is_one_job(
    connect: Connect, service: Service, user: str
) -> None:
    file = io.BytesIO(b"not this\n" + json.dumps({"content": "Once", "user_id": user}).encode())
    file.readline()
    with unreliable(lose_the_answer, hand_on, hand_on, *[hand_on] * 90, service_url=service.url) as server:
        bank = connect(server.url, service.key, sleep=Time().sleep)
        job = bank.import_(file)

        assert server.requests[0].body == server.requests[1].body
    assert job.result is not None
    assert job.result["imported"] == 1


def test_an_iterator_is_not_sent_in_halves(connect: Connect) -> None:
    with unreliable(hang_up, hang_up) as server:
        with pytest.raises(ConnectionFailedError):
            connect(server.url, sleep=Time().sleep).import_(iter([{"content": "a"}]))

        assert len(server.requests) == 1


def test_an_import_of_nothing_is_refused(bank: MemoryBankClient) -> None:
    with pytest.raises(InvalidRequestError):
        bank.import_([])


FIRST = json.dumps({"type": "memorybank-export"})


@pytest.mark.parametrize("body", ["", FIRST + "\n", FIRST + '\n{"type": "memory"}\n{"type": "en', FIRST + "\n[]\n"])
def test_an_export_that_ends_too_soon_is_an_error_however_politely_it_ends(connect: Connect, body: str) -> None:
    with unreliable(answer(200, body), answer(200, body)) as server:
        bank = connect(server.url)
        with pytest.raises((ConnectionFailedError, UnexpectedAnswerError)):
            list(bank.export())
        with pytest.raises(ConnectionFailedError, match="broke off"):
            bank.export_to(io.BytesIO())


def test_an_export_that_is_cut_off_is_an_error_and_one_that_does_not_begin_is_tried_again(connect: Connect) -> None:
    whole = answer(200, FIRST + '\n{"type": "end"}')
    with unreliable(break_off, hang_up, answer(503), whole) as server:
        bank = connect(server.url, sleep=Time().sleep)
        with pytest.raises(ConnectionFailedError, match="broke off"):
            list(bank.export())

        assert [line["type"] for line in bank.export()] == ["memorybank-export", "end"]


async def test_an_export_may_be_left_early() -> None:
    with unreliable(answer(200, FIRST + "\n" * 100_000), answer(200)) as server:
        async with AsyncMemoryBankClient(server.url) as bank:
            async with aclosing(bank.export()) as lines:
                assert (await anext(lines))["type"] == "memorybank-export"
            assert await bank.health_check() == {}
