"""A write that is sent twice is done once: its answer is kept under the client's Idempotency-Key, with the write.

The key holds for 24 hours, per API key and route. The same request gets the same answer, also after a restart; another
one under the same key is refused, and so is one that comes while the first is still under way.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Header, Request
from starlette.responses import Response

from memorybank_service.http.problems import Problem
from memorybank_service.http.whose import ids_in
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.store import Along, Receipt

T = TypeVar("T")
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_Slot = tuple[str, str, str]


class Once:
    """One request that writes. With a key it is done at most once; without one, each time."""

    def __init__(self, request: Request, key: str | None) -> None:
        self._request, self.key = request, key

    async def __call__(
        self,
        bank: MemoryBank,
        write: Callable[[Along], Awaitable[T]],
        answer: Callable[[T], str],
        *,
        status: int = 200,
        body: Callable[[], Awaitable[bytes]] | None = None,
    ) -> Response:
        """`write` is given what must be committed with it; `answer` makes the body, JSON, of what it returns.

        `answer` is called in the write's transaction: what it raises undoes the write and is raised here. `body` reads
        the request's body, where the route does so itself and nobody has done it before; it returns a digest of it.
        """
        actor = self._request.state.key.name
        if self.key is None:
            if body is not None:
                await body()
            return _response(answer(await write(Along(actor=actor))), status)
        slot = (actor, f"{self._request.method} {_route(self._request)}", self.key)
        under_way: set[_Slot] = self._request.app.state.idempotent_under_way
        if slot in under_way:
            detail = "A request with this Idempotency-Key is still under way; try again in a moment."
            raise Problem(409, "request-under-way", detail, headers={"Retry-After": "1"})
        under_way.add(slot)
        try:
            digest = await _digest(self._request, body or self._request.body)
            return await self._once(bank, slot, digest, write, answer, status)
        finally:
            under_way.discard(slot)

    async def _once(
        self,
        bank: MemoryBank,
        slot: _Slot,
        digest: bytes,
        write: Callable[[Along], Awaitable[T]],
        answer: Callable[[T], str],
        status: int,
    ) -> Response:
        kept = await bank.reply(*slot)
        if kept is not None:
            if kept.digest != digest:
                detail = "This Idempotency-Key was used for another request; take a new one for each write."
                raise Problem(422, "idempotency-key-reused", detail)
            return _response(kept.body, kept.status, replayed=True)
        made: list[str] = []

        def noted(result: object) -> str:
            made.append(answer(cast(T, result)))
            return made[-1]

        receipt = Receipt(*slot, digest, bank.now(), status, noted)
        result = await write(Along(actor=slot[0], receipt=receipt))
        return _response(made[-1] if made else answer(result), status)


async def _once(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="1 to 255 printable ASCII characters of your choice. Sent again within 24 hours with the same "
            "body, the request is not done again but answered as before.",
            min_length=1,
            max_length=255,
            pattern=f"^{_KEY.pattern}$",
        ),
    ] = None,
) -> Once:
    return Once(request, key)


OnceOnly = Annotated[Once, Depends(_once)]
"""For every route that changes something."""


def _route(request: Request) -> str:
    return str(request.scope["route"].path)


async def _digest(request: Request, body: Callable[[], Awaitable[bytes]]) -> bytes:
    """Of the request as it was sent: its path tells apart what one route does to several memories.

    And its headers, whose memories it is about: nobody gets the answer that was given to another one.
    """
    digest = hashlib.sha256(request.scope["raw_path"] + b"?" + request.scope["query_string"] + b"\n")
    if whose := ids_in(request.headers):
        digest.update(json.dumps(whose, sort_keys=True).encode() + b"\n")
    digest.update(await body())
    return digest.digest()


def _response(body: str, status: int, *, replayed: bool = False) -> Response:
    return Response(body, status, {REPLAYED: "true"} if replayed else None, "application/json")
