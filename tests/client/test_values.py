"""What the clients write on the wire and read from it: times, ids, addresses, lines, dataclasses."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorybank import answering
from memorybank.address import address
from memorybank.call import segment
from memorybank.decode import as_
from memorybank.record import Record
from memorybank.shapes import LineReader
from memorybank.upload import PIECE_BYTES, upload
from memorybank.wire import encoded, in_query, moment_of, rfc3339

VIENNA = timezone(timedelta(hours=1))


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_as_it_went(moment: datetime) -> None:
    assert moment_of(rfc3339(moment)) == moment


def test_times_travel_in_utc_and_never_without_a_zone() -> None:
    assert rfc3339(datetime(2027, 1, 15, 9, tzinfo=VIENNA)) == "2027-01-15T08:00:00Z"
    assert encoded({"since": datetime(2027, 1, 15, 9, tzinfo=VIENNA)}) == b'{"since":"2027-01-15T08:00:00Z"}'
    assert in_query(datetime(2027, 1, 15, 9, tzinfo=VIENNA)) == "2027-01-15T08:00:00Z"
    with pytest.raises(ValueError, match="time zone"):
        rfc3339(datetime(2027, 1, 15))
    with pytest.raises(ValueError, match="time zone"):
        moment_of("2027-01-15T08:00:00")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused_before_it_is_sent(value: Any) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogates"):
        encoded({"value": value})


@pytest.mark.parametrize(
    ("text", "path"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), (".", "%2E"), ("a?b#c%", "a%3Fb%23c%25"), ("größe", "gr%C3%B6%C3%9Fe")],
)
def test_an_id_is_one_segment_of_a_path_whatever_it_holds(text: str, path: str) -> None:
    assert segment(text) == path


def test_an_empty_id_is_refused_as_it_would_name_another_route() -> None:
    with pytest.raises(ValueError, match="empty"):
        segment("")


def test_what_is_not_given_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORYBANK_URL", "https://customer1.example.com/")
    monkeypatch.setenv("MEMORYBANK_API_KEY", "mb_key")
    found = address(None, None)

    assert found.url == "https://customer1.example.com"
    assert found.headers["Authorization"] == "Bearer mb_key"
    assert "Authorization" not in address(None, "").headers
    monkeypatch.delenv("MEMORYBANK_URL")
    assert address(None, None).url == "http://127.0.0.1:8000"


def test_a_localhost_name_is_this_machine_under_that_name() -> None:
    for given_url, url, host in (
        ("http://customer1.memorybank.localhost", "http://127.0.0.1:80", "customer1.memorybank.localhost"),
        ("http://c1.localhost:8080/base/", "http://127.0.0.1:8080/base", "c1.localhost:8080"),
    ):
        found = address(given_url, None)
        assert (found.url, found.headers["Host"]) == (url, host)
        assert found.shown == given_url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["", "customer1.example.com", "ftp://x", "http://", "http://a:b@x", "http://x?y", "http://x:y/", "http://[/"]
)
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        address(url, None)


@pytest.mark.parametrize("key", ["mb_first\nmb_second", "mb_sécond", "mb_a b"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="characters") as refused:
        address("http://x", key)
    assert "mb_" not in str(refused.value)


def test_a_date_to_come_back_at_counts_from_the_answers_own_clock() -> None:
    date_header, later = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:07 GMT"
    now = datetime(1994, 11, 6, 8, 50, tzinfo=UTC)

    assert answering.retry_after({"retry-after": later, "date": date_header}, now) == 30
    assert answering.retry_after({"retry-after": later}, now) == 7
    assert answering.retry_after({"retry-after": date_header}, now) == 0
    assert answering.retry_after({"retry-after": "120"}, now) == 120
    for nonsense in ("", "soon", "-1", "nan", "1e9999", "Sun, 99 Nov 1994 08:49:37 GMT"):
        assert answering.retry_after({"retry-after": nonsense}, now) is None


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.dictionaries(texts, texts)), st.integers(1, 20), st.booleans())
def test_records_come_out_as_they_went_in_wherever_the_pieces_are_cut(
    records: list[dict[str, str]], size: int, last_line_feed: bool
) -> None:
    body = b"".join(upload(records).pieces())
    body = body if last_line_feed else body.removesuffix(b"\n")
    reader, found = LineReader(), list[dict[str, Any]]()
    for start in range(0, len(body), size):
        found += reader.feed(body[start : start + size])

    assert [*found, *reader.end()] == records


def test_a_file_is_sent_from_where_it_stands_at_each_attempt() -> None:
    file = io.BytesIO(b"x" + b"y" * (PIECE_BYTES + 1))
    file.seek(1)
    sent = upload(file)

    assert sent.is_repeatable
    for _ in range(2):
        assert [len(piece) for piece in sent.pieces()] == [PIECE_BYTES, 1]


def test_many_records_are_sent_piece_by_piece() -> None:
    pieces = list(upload([{"content": "x" * 1000}] * 1000).pieces())

    assert len(pieces) == 4
    assert b"".join(pieces).count(b"\n") == 1000
    assert max(map(len, pieces)) < PIECE_BYTES + 2000


def test_an_iterator_and_a_pipe_can_be_sent_only_once() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert not upload(iter([{"content": "a"}])).is_repeatable
    assert not upload(Pipe()).is_repeatable
    assert upload([{"content": "a"}]).is_repeatable


def test_a_text_file_is_refused_with_what_to_do() -> None:
    text: Any = io.StringIO("{}")
    with pytest.raises(TypeError, match="binary mode"):
        list(upload(text).pieces())


@dataclass(frozen=True, kw_only=True)
class Inner:
    day: date


@dataclass(frozen=True, kw_only=True)
class Outer(Record):
    aliases = frozenset({"title"})

    name: str
    level: Literal["low", "high"] = "low"
    weight: float | None = None
    is_new: bool = False
    inner: tuple[Inner, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)


def test_an_answer_becomes_a_dataclass_and_what_is_new_is_kept_aside() -> None:
    answer = {
        "name": "x",
        "level": "middle",
        "weight": 1,
        "inner": [{"day": "2027-01-15", "hour": 8}],
        "colour": "red",
        "title": "x",
    }

    assert as_(Outer)(answer) == Outer(
        name="x",
        level="middle",  # type: ignore[arg-type]  # of a newer service
        weight=1.0,
        inner=(Inner(day=date(2027, 1, 15)),),
        extra={"colour": "red"},
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ([], "Outer is an object, not list"),
        ({}, "name is missing"),
        ({"name": None}, "name: must be str, not NoneType"),
        ({"name": "x", "weight": "secret"}, "weight: must be float, not str"),
        ({"name": "x", "weight": True}, "weight: must be float, not bool"),
        ({"name": "x", "is_new": 1}, "is_new: must be bool, not int"),
        ({"name": "x", "inner": [{"day": "yesterday"}]}, "inner: day: "),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_the_name_of_its_field(answer: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        as_(Outer)(answer)
    assert "secret" not in str(refused.value)
