"""A service that is killed right after it has stored something, before its answer is out, and comes back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.client.conftest import Connect
from tests.client.unreliable import hand_on, lose_the_answer, unreliable
from tests.service.running import KEY, RunningService

pytestmark = pytest.mark.process


def test_what_it_had_stored_is_there_once(connect: Connect, tmp_path: Path, user: str) -> None:
    with ExitStack() as until_the_end:
        first = RunningService(tmp_path)
        until_the_end.callback(first.close)
        url = str(first.ready().base_url).rstrip("/")
        came_back: list[RunningService] = []

        def die_and_come_back(seconds: float) -> None:
            first.kill()
            came_back.append(RunningService(tmp_path, PORT=str(urlsplit(url).port)))
            until_the_end.callback(came_back[0].close)
            came_back[0].ready()

        with unreliable(lose_the_answer, hand_on, hand_on, service_url=url) as between:
            bank = connect(between.url, KEY, sleep=die_and_come_back)
            added = bank.add("Nothing is said twice.", user_id=user)

            assert [memory.id for memory in bank.list(user_id=user)] == [added.id]
        assert len(came_back) == 1
        assert len({request.headers["Idempotency-Key"] for request in between.requests[:2]}) == 1
