"""Answers that may be large, made a memory at a time, so that no other request waits for one.

Encoding holds the interpreter from its begin to its end, in whichever thread: a thousand memories at once would stop
everything for a fifth of a second, one by one they do not.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")
_FEW = 20
"""Items that are sooner encoded than handed to a thread, at 32 KiB the largest of them."""
_CHUNK_BYTES = 64 << 10


def encoded(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


async def listing(
    items: Sequence[T], shown: Callable[[T], Mapping[str, Any]], named: str = "results", **rest: object
) -> Response:
    """`{"results": [...], **rest}`."""
    if len(items) <= _FEW:
        return ChunkedJson(list(_chunks(items, shown, named, rest)))
    return ChunkedJson(await asyncio.to_thread(lambda: list(_chunks(items, shown, named, rest))))


def single(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(encoded(value), status, media_type="application/json")


def array(values: Sequence[Mapping[str, Any]]) -> Response:
    return Response(encoded(values), media_type="application/json")


def _chunks(
    items: Sequence[T], shown: Callable[[T], Mapping[str, Any]], named: str, rest: Mapping[str, object]
) -> Iterator[bytes]:
    chunk = bytearray(f'{{"{named}":['.encode())
    for number, item in enumerate(items):
        chunk += b"," if number else b""
        chunk += encoded(shown(item)).encode()
        if len(chunk) >= _CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    chunk += b"]"
    for name, value in rest.items():
        chunk += f",{encoded(name)}:{encoded(value)}".encode()
    yield bytes(chunk + b"}")


class ChunkedJson(Response):
    """Sent piece by piece: what the client takes slowly lies here once, not copied into the connection's buffer."""

    media_type = "application/json"

    def __init__(self, chunks: Sequence[bytes]) -> None:
        super().__init__(headers={"Content-Length": str(sum(map(len, chunks)))})
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for number, chunk in enumerate(self._chunks, 1):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < len(self._chunks)})
        if self.background is not None:
            await self.background()
