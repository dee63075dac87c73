from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank_service.llm.child.wire import LONGEST_RETRY_AFTER, bound_httpx, code_of, retry_after_of

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


def test_what_belongs_to_no_call_of_ours_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", httpx.HTTPTransport.handle_request)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", httpx.AsyncHTTPTransport.handle_async_request)
    bound_httpx()
    with pytest.raises(httpx.ReadError, match="no call of ours"):
        httpx.get("http://127.0.0.1:1/prices")
