"""The clients against a real service, and against the answers of what may stand between the two."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from memorybank import (
    ApiError,
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    MemoryBankClient,
    NotFoundError,
    PermissionDeniedError,
    UnexpectedAnswerError,
)
from tests.client.conftest import Connect, Service
from tests.client.unreliable import answer, unreliable


def test_what_was_stored_is_found_by_its_meaning_and_only_for_its_user(bank: MemoryBankClient) -> None:
    before = datetime.now(UTC)
    memory_id = bank.store_memory("Ada takes the night train to Vienna", {"user_id": "ada", "category": "travel"})
    bank.store_memory("Bob is allergic to peanuts", {"user_id": "bob"})

    found = bank.retrieve_memories("how does Ada get to Austria?", 1, {"user_id": "ada", "category": "travel"})

    assert found[0].content == "Ada takes the night train to Vienna"
    assert found[0].metadata["category"] == "travel"
    assert abs((found[0].timestamp - before).total_seconds()) < 3600
    bank.forget_memory(memory_id)


def test_a_forgotten_memory_is_found_no_more_and_cannot_be_forgotten_twice(bank: MemoryBankClient) -> None:
    memory_id = bank.store_memory("Cleo plays the oboe", {"user_id": "cleo"})
    bank.forget_memory(memory_id)

    assert bank.retrieve_memories("oboe", metadata={"user_id": "cleo"}) == []
    with pytest.raises(NotFoundError):
        bank.forget_memory(memory_id)


def test_the_tenants_figures_are_answered(bank: MemoryBankClient) -> None:
    before = bank.get_memory_stats()["total_memories"]
    bank.store_memory("Dora keeps bees")

    assert bank.get_memory_stats()["total_memories"] == before + 1
    assert bank.health_check()["status"] == "healthy"
    assert bank.get_scheduler_status()["status"] == "running"
    assert bank.run_forgetting_curve()["purged"] == 0


def test_a_wrong_key_is_an_authentication_error(connect: Connect, service: Service) -> None:
    with pytest.raises(AuthenticationError) as refused:
        connect(service.url, "mb_wrong").get_memory_stats()

    assert refused.value.status == 401
    assert not isinstance(refused.value, PermissionDeniedError)


def test_refused_content_is_an_invalid_request_with_the_services_own_words(bank: MemoryBankClient) -> None:
    with pytest.raises(InvalidRequestError, match="content") as refused:
        bank.store_memory("x" * 40_000)

    assert refused.value.type == "urn:memorybank:problem:invalid-request"
    assert [error["field"] for error in refused.value.errors] == ["content"]
    assert refused.value.attempts == 1


def test_any_route_can_be_asked(bank: MemoryBankClient) -> None:
    stored = bank.request("POST", "/store_memory", {"content": "Eve dances the tango"})

    assert stored["status"] == "stored"
    assert bank.request("GET", "/memory_stats", query={"since": datetime(2027, 1, 1, tzinfo=UTC)})["tenant_id"]
    with pytest.raises(NotFoundError):
        bank.request("GET", "/v1/nothing")
    with pytest.raises(ValueError, match="slash"):
        bank.request("GET", "v1/users")


def test_a_silent_address_is_a_connection_error_that_names_it(connect: Connect) -> None:
    bank = connect("http://127.0.0.1:1", max_retries=0)

    with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:1 does not answer GET /health") as failed:
        bank.health_check()
    assert not failed.value.request_sent


def test_connections_are_used_again(connect: Connect) -> None:
    with unreliable(*[answer(200, '{"status": "healthy"}')] * 5) as server:
        bank = connect(server.url)
        for _ in range(5):
            bank.health_check()

    assert server.connections == 1


def test_a_redirect_is_not_followed_with_the_key_but_told(connect: Connect) -> None:
    with unreliable(answer(301, "", Location="https://elsewhere.example.com/health")) as server:
        with pytest.raises(UnexpectedAnswerError, match=r"points to https://elsewhere\.example\.com/health"):
            connect(server.url, "mb_key").health_check()

        assert len(server.requests) == 1


def test_a_proxys_page_is_an_api_error_that_names_the_address_and_the_status(connect: Connect) -> None:
    with (
        unreliable(answer(502, "<html>bad gateway</html>", Content_Type="text/html")) as server,
        pytest.raises(ApiError, match=f"{server.url}/health answered 502"),
    ):
        connect(server.url, max_retries=0).health_check()


@pytest.mark.parametrize("page", ["<html>Welcome to nginx!</html>", "[", '["something", "else"]', ""])
def test_what_is_no_answer_of_a_tenant_is_unexpected_and_names_the_address(connect: Connect, page: str) -> None:
    with (
        unreliable(answer(200, page)) as server,
        pytest.raises(UnexpectedAnswerError, match=f"{server.url}/health answered 200"),
    ):
        connect(server.url).health_check()


def test_an_answer_of_another_form_is_unexpected_and_names_the_field_but_not_the_text(connect: Connect) -> None:
    body = '{"memories": [{"memory_id": "1", "content": ["a secret"]}]}'
    with unreliable(answer(200, body)) as server, pytest.raises(UnexpectedAnswerError, match="content: ") as refused:
        connect(server.url).retrieve_memories("secret")

    assert "a secret" not in str(refused.value)


def test_an_answer_that_lacks_what_was_asked_for_is_unexpected(connect: Connect) -> None:
    with unreliable(answer(200)) as server, pytest.raises(UnexpectedAnswerError, match="memory_id is missing"):
        connect(server.url).store_memory("x")


def test_a_clients_options_are_changed_on_the_same_connections(connect: Connect) -> None:
    with unreliable(answer(200), answer(503), answer(200)) as server:
        bank = connect(server.url)
        bank.health_check()
        with pytest.raises(ApiError):
            bank.with_options(max_retries=0, timeout=5).health_check()
        bank.health_check()

    assert server.connections == 1


def test_a_client_shows_its_address_and_not_its_key() -> None:
    with MemoryBankClient("http://tenant", "mb_secret") as bank:
        assert repr(bank) == "MemoryBankClient('http://tenant')"


def test_connections_of_the_users_own_are_used_and_not_closed() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={}))) as own:
        with MemoryBankClient("http://tenant", http_client=own) as bank:
            bank.health_check()

        assert not own.is_closed
