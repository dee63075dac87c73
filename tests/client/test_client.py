"""The client against a real service, and against the answers of what may stand between the two."""

from __future__ import annotations

import httpx
import pytest

from memorybank import (
    ApiError,
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    MemoryBankClient,
    NotFoundError,
    RateLimitedError,
)
from tests.client.conftest import Service


def test_what_was_stored_is_found_by_its_meaning_and_only_for_its_user(service: Service) -> None:
    with MemoryBankClient(service.url, service.key) as bank:
        memory_id = bank.store_memory("Ada takes the night train to Vienna", {"user_id": "ada", "category": "travel"})
        bank.store_memory("Bob is allergic to peanuts", {"user_id": "bob"})

        found = bank.retrieve_memories("how does Ada get to Austria?", metadata={"user_id": "ada"})

        assert [memory.memory_id for memory in found] == [memory_id]
        assert found[0].content == "Ada takes the night train to Vienna"
        assert found[0].metadata["category"] == "travel"


def test_a_forgotten_memory_is_found_no_more_and_cannot_be_forgotten_twice(service: Service) -> None:
    with MemoryBankClient(service.url, service.key) as bank:
        memory_id = bank.store_memory("Cleo plays the oboe", {"user_id": "cleo"})
        bank.forget_memory(memory_id)

        assert bank.retrieve_memories("oboe", metadata={"user_id": "cleo"}) == []
        with pytest.raises(NotFoundError):
            bank.forget_memory(memory_id)


def test_the_tenants_figures_are_answered(service: Service) -> None:
    with MemoryBankClient(service.url, service.key) as bank:
        before = bank.get_memory_stats()["total_memories"]
        bank.store_memory("Dora keeps bees")

        assert bank.get_memory_stats()["total_memories"] == before + 1
        assert bank.health_check()["status"] == "healthy"
        assert bank.get_scheduler_status()["status"] == "running"
        assert bank.run_forgetting_curve()["purged"] == 0


def test_a_wrong_key_is_an_authentication_error(service: Service) -> None:
    with MemoryBankClient(service.url, "mb_wrong") as bank, pytest.raises(AuthenticationError) as refused:
        bank.get_memory_stats()

    assert refused.value.status == 401


def test_refused_content_is_an_invalid_request_with_the_services_own_sentence(service: Service) -> None:
    with MemoryBankClient(service.url, service.key) as bank, pytest.raises(InvalidRequestError) as refused:
        bank.store_memory("x" * 40_000)

    assert "content" in str(refused.value)


def test_a_silent_address_is_a_connection_error_that_names_it() -> None:
    with MemoryBankClient("http://127.0.0.1:1") as bank, pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1:1"):
        bank.health_check()


def answering(response: httpx.Response) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: response)


def test_a_rate_limit_says_when_to_come_back() -> None:
    limited = answering(httpx.Response(429, headers={"Retry-After": "7"}, json={"detail": "Too many requests."}))
    with MemoryBankClient("http://tenant", transport=limited) as bank, pytest.raises(RateLimitedError) as refused:
        bank.health_check()

    assert refused.value.retry_after == 7


def test_a_proxys_page_is_an_api_error_that_names_the_address_and_the_status() -> None:
    page = answering(httpx.Response(502, headers={"Content-Type": "text/html"}, text="<html>bad gateway</html>"))
    with (
        MemoryBankClient("http://tenant", transport=page) as bank,
        pytest.raises(ApiError, match="http://tenant/health answered 502"),
    ):
        bank.health_check()


def test_a_localhost_name_reaches_this_machine_under_that_name() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"status": "healthy"})

    for address in ("http://customer1.memorybank.localhost", "http://customer1.memorybank.localhost:8080/"):
        with MemoryBankClient(address, transport=httpx.MockTransport(answer)) as bank:
            bank.health_check()

    assert [str(request.url) for request in seen] == ["http://127.0.0.1/health", "http://127.0.0.1:8080/health"]
    assert seen[0].headers["Host"] == "customer1.memorybank.localhost"
    assert seen[1].headers["Host"] == "customer1.memorybank.localhost:8080"


@pytest.mark.parametrize(
    "page",
    [
        httpx.Response(200, headers={"Content-Type": "text/html"}, text="<html>Welcome to nginx!</html>"),
        httpx.Response(200, headers={"Content-Type": "application/json"}, text="["),
        httpx.Response(200, json=["something", "else"]),
        httpx.Response(502, headers={"Content-Type": "application/json"}, text="upstream failed"),
    ],
)
def test_what_is_no_answer_of_a_tenant_is_an_api_error_that_names_the_address(page: httpx.Response) -> None:
    with (
        MemoryBankClient("http://tenant", transport=answering(page)) as bank,
        pytest.raises(ApiError, match="http://tenant/health answered"),
    ):
        bank.health_check()
