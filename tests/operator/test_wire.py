"""The operator's HTTP, against servers that answer whatever a test wants, byte by byte."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from memorybank_operator import line
from memorybank_operator.kinds import SECRET
from memorybank_operator.line import Disconnected, NotHttp
from memorybank_operator.wire import Wire

from .bytes_server import listening

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """What a test's server was asked, by connection."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def request(reader: asyncio.StreamReader) -> bytes:
    """The next request, head and body; EOFError: there is none."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0")
    return head + await reader.readexactly(int(length.partition(b":")[2]))


@contextlib.asynccontextmanager
async def serving(play: Callable[[bytes, int], bytes | None]) -> AsyncIterator[Server]:
    """A server that answers each request with what `play` says of it and of its number on the connection.

    None: it ends the connection. What ends with the word `last` is sent without that word before the connection ends.
    """
    server = Server()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[bytes] = []
        server.asked.append(mine)
        while True:
            asked = await request(reader)
            mine.append(asked)
            answer = play(asked, len(mine))
            if answer is None:
                break
            writer.write(answer.removesuffix(b"last"))
            await writer.drain()
            if answer.endswith(b"last"):
                break

    async with listening(handle) as server.port:
        yield server


async def get(client: Wire, target: str = "/", seconds: float = 5.0) -> bytes:
    return (await client.ask("GET", target, headers={}, seconds=seconds)).content


async def test_one_connection_serves_one_request_after_the_other_and_more_serve_them_at_once() -> None:
    async with serving(lambda asked, number: OK) as server, Wire(server.address) as client:
        for _ in range(3):
            assert await get(client) == b"ok"
        assert [len(asked) for asked in server.asked] == [3]
        await asyncio.gather(*(get(client) for _ in range(4)))
        assert sum(len(asked) for asked in server.asked) == 7
        assert len(server.asked) == 4


async def test_a_request_is_sent_as_it_was_asked_for() -> None:
    async with serving(lambda asked, number: OK) as server, Wire(f"{server.address}/below/") as client:
        await client.ask("PATCH", "/a?b=c", headers={"Content-Type": "x/y"}, body=b"{}", seconds=5)
    head, _, body = server.asked[0][0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "PATCH /below/a?b=c HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "Content-Type: x/y", "Content-Length: 2"} <= set(lines)
    assert body == b"{}"


async def test_status_headers_and_a_content_in_pieces_come_whole() -> None:
    pieces = b"HTTP/1.1 429 Slow\r\nRETRY-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n" + END
    early = b"HTTP/1.1 100 Continue\r\n\r\n"
    async with serving(lambda asked, number: early + pieces) as server, Wire(server.address) as client:
        for _ in range(2):
            answer = await client.ask("GET", "/", headers={}, seconds=5)
            assert (answer.status, answer.headers[b"retry-after"], answer.content) == (429, b"7", b"abcd")
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nas long as it lastslast", b"as long as it lasts"),
    ],
)
async def test_a_connection_that_the_server_ends_is_not_used_again(answer: bytes, content: bytes) -> None:
    async with serving(lambda asked, number: answer) as server, Wire(server.address) as client:
        assert [await get(client), await get(client)] == [content, content]
        assert [len(asked) for asked in server.asked] == [1, 1]


async def test_a_read_is_asked_again_when_an_idle_connection_had_ended_and_a_write_is_not() -> None:
    def once(asked: bytes, number: int) -> bytes | None:
        return OK if number == 1 else None

    async with serving(once) as server, Wire(server.address) as client:
        await get(client)
        assert await get(client) == b"ok"
        assert [len(asked) for asked in server.asked] == [2, 1]
        with pytest.raises(Disconnected):
            await client.ask("POST", "/", headers={}, body=b"", seconds=5)
        assert [len(asked) for asked in server.asked] == [2, 2]


async def test_a_read_that_was_answered_in_half_is_not_asked_again() -> None:
    def half(asked: bytes, number: int) -> bytes | None:
        return OK if number == 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalflast"

    async with serving(half) as server, Wire(server.address) as client:
        await get(client)
        with pytest.raises(Disconnected):
            await get(client)
        assert [len(asked) for asked in server.asked] == [2]


async def test_nobody_who_answers_is_waited_for_no_longer_than_was_said_and_the_late_answer_is_nobodys() -> None:
    released = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await request(reader)
            if b"/late" in asked:
                await released.wait()
                writer.write(OK.replace(b"ok", b"no"))
            else:
                writer.write(OK)

    async with listening(handle) as port, Wire(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(TimeoutError):
            await get(client, "/late", seconds=0.05)
        released.set()
        assert await get(client) == b"ok"


async def test_a_request_that_is_given_up_takes_its_connection_with_it() -> None:
    arrived = asyncio.Event()

    def silent(asked: bytes, number: int) -> bytes:
        arrived.set()
        return b""

    async with serving(silent) as server, Wire(server.address) as client:
        asking = asyncio.create_task(get(client))
        await arrived.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        again = asyncio.create_task(get(client))
        while len(server.asked) < 2:  # noqa: ASYNC110 (the server tells)
            await asyncio.sleep(0.01)
        again.cancel()


@pytest.mark.parametrize("answer", [b"\x16\x03\x01 no HTTP", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_what_is_no_http_is_told(answer: bytes) -> None:
    async with serving(lambda asked, number: answer) as server, Wire(server.address) as client:
        with pytest.raises(NotHttp):
            await get(client)


async def test_an_answer_is_no_longer_than_it_may_be() -> None:
    async with serving(lambda asked, number: OK) as server, Wire(server.address) as client:
        with pytest.raises(NotHttp, match="over 1 bytes"):
            await client.ask("GET", "/", headers={}, seconds=5, most_bytes=1)
        assert (await client.ask("GET", "/", headers={}, seconds=5, most_bytes=2)).content == b"ok"


async def test_what_comes_unasked_is_taken_for_no_answer() -> None:
    async with serving(lambda asked, number: OK + OK.replace(b"ok", b"no")) as server, Wire(server.address) as client:
        assert await get(client) == b"ok"
        assert await get(client) == b"ok"
        assert [len(asked) for asked in server.asked] == [1, 1]


@pytest.mark.parametrize("target", ["/a b", "/a\r\nHost: other", "/ä", ""])
async def test_a_target_that_would_be_another_request_is_refused(target: str) -> None:
    async with serving(lambda asked, number: OK) as server, Wire(server.address) as client:
        with pytest.raises(ValueError, match="no request's target"):
            await get(client, target)
        with pytest.raises(ValueError, match="the header Authorization has characters"):
            await client.ask("GET", "/", headers={"Authorization": "Bearer a\r\nX: y"}, seconds=5)
        assert server.asked == []


@pytest.mark.parametrize("address", ["ftp://host", "host:8080", "https://"])
def test_what_is_no_address_is_refused_with_what_one_is(address: str) -> None:
    with pytest.raises(ValueError, match="it should be https://host:port"):
        Wire(address)


def test_a_name_that_is_none_leads_to_no_other_object() -> None:
    assert SECRET.path("here", "../../b/secrets/x?y") == "/api/v1/namespaces/here/secrets/..%2F..%2Fb%2Fsecrets%2Fx%3Fy"


async def said(client: Wire, silence: float = 5.0) -> AsyncIterator[bytes]:
    """What a stream tells."""
    async with client.stream("/", headers={}, seconds=5, silence=silence) as stream:
        async for chunk in stream.chunks(silence):
            yield chunk


async def keep(chunks: AsyncIterator[bytes], seen: list[bytes]) -> None:
    async for chunk in chunks:
        seen.append(chunk)


async def test_a_stream_is_read_to_its_end() -> None:
    whole = CHUNKED + b"1\r\na\r\n1\r\nb\r\n" + END
    async with serving(lambda asked, number: whole) as server, Wire(server.address) as client:
        assert b"".join([chunk async for chunk in said(client)]) == b"ab"


@pytest.mark.parametrize(("first", "second", "answered"), [(60.0, 0.2, False), (2.0, 60.0, True)])
async def test_each_request_of_a_connection_has_its_own_time(first: float, second: float, answered: bool) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            if b"/late" in await request(reader):
                if not answered:
                    await asyncio.Event().wait()
                await asyncio.sleep(2.2)  # longer than the first may take, and shorter than the second
            writer.write(OK)

    async with listening(handle) as port, Wire(f"http://127.0.0.1:{port}") as client, asyncio.timeout(20):
        assert await get(client, "/", first) == b"ok"
        if answered:
            assert await get(client, "/late", second) == b"ok"
        else:
            with pytest.raises(TimeoutError):
                await get(client, "/late", second)


async def test_a_stream_that_is_cut_off_is_told_after_what_it_had_said() -> None:
    seen: list[bytes] = []
    async with serving(lambda asked, number: CHUNKED + b"1\r\na\r\nlast") as server, Wire(server.address) as client:
        with pytest.raises(Disconnected):
            await keep(said(client), seen)
    assert seen == [b"a"]


async def test_a_stream_that_says_nothing_for_so_long_is_told() -> None:
    async with serving(lambda asked, number: CHUNKED) as server, Wire(server.address) as client:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await keep(said(client, silence=0.1), [])
        assert time.monotonic() - began >= 0.1


async def test_of_a_stream_that_is_read_slowly_most_is_left_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "UNREAD_BYTES", 1 << 16)
    piece, pieces = b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 1000
    sent = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request(reader)
        writer.write(CHUNKED)
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
            sent += 1
        writer.write(END)

    async with listening(handle) as port, Wire(f"http://127.0.0.1:{port}") as client:
        before, size = -1, 0
        async for chunk in said(client):
            if not size:
                while sent != before:
                    before = sent
                    await asyncio.sleep(0.2)
                assert sent < pieces / 2
            size += len(chunk)
    assert size == pieces * 0x10000
