import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm.child.wire import (
    LONGEST_RETRY_AFTER,
    Exchange,
    bound_httpx,
    code_of,
    exchange_of_call,
    retry_after_of,
)
from tests.service.provider import Provider

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"message": "x", "type": "invalid_request_error", "code": "model_not_found"}}', "model_not_found"),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}', "overloaded_error"),
        (b'{"error": {"code": 404, "status": "NOT_FOUND", "message": "x"}}', "NOT_FOUND"),
        (b'{"error": {"code": "Ada lives in Vienna"}}', None),
        (b'{"error": {"code": "sk_live_4711"}}', None),
        (b'{"error": "a_code"}', None),
        (b"[]", None),
        (b"\xff", None),
    ],
)
def test_a_code_is_a_name_and_never_a_text(body: bytes, code: str | None) -> None:
    assert code_of(body) == code


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(repr).map(str.encode))
def test_any_body_has_a_code_or_none(body: bytes) -> None:
    code = code_of(body)
    assert code is None or code.replace("_", "").isalpha()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17),
        ("0.5", 0.5),
        ("-3", 0),
        ("1e9", LONGEST_RETRY_AFTER),
        ("", None),
        ("nan", None),
        ("soon", None),
        (format_datetime(datetime(2027, 1, 15, 8, 1, tzinfo=UTC), usegmt=True), 60),
    ],
)
def test_when_to_come_back_is_read_from_both_forms(header: str, seconds: float | None) -> None:
    assert retry_after_of(header, NOW) == seconds


@given(st.text())
def test_any_header_says_a_bounded_time_or_none(header: str) -> None:
    seconds = retry_after_of(header, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for transport, name in (
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
    ):
        monkeypatch.setattr(transport, name, getattr(transport, name))  # what is there now comes back after the test
    bound_httpx()


@pytest.mark.usefixtures("bounded")
def test_what_belongs_to_no_call_of_ours_is_not_sent(provider: Provider) -> None:
    with pytest.raises(httpx.ReadError, match="no call of ours"):
        httpx.get(f"{provider.root_url}/prices")
    assert provider.requests == []


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_call_reaches_its_provider_and_no_other_host(provider: Provider, kind: str) -> None:
    body = {"model": "m", "messages": []}

    async def post(host: str) -> Exchange:
        exchange = Exchange(1 << 20, host)
        token = exchange_of_call.set(exchange)
        try:
            if kind == "sync":
                await asyncio.to_thread(httpx.post, f"{provider.base_url}/chat/completions", json=body)
            else:
                async with httpx.AsyncClient() as client:
                    await client.post(f"{provider.base_url}/chat/completions", json=body)
        finally:
            exchange_of_call.reset(token)
        return exchange

    assert (await post("127.0.0.1")).status == 200
    with pytest.raises(httpx.ReadError, match="not the provider's host"):
        await post("api.openai.com")
    assert len(provider.requests) == 1
