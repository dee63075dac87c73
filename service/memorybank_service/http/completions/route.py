"""The route: recall, ask the model, hand its answer on, store what was said."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.completions.body import CompletionRequest, with_context
from memorybank_service.http.completions.errors import OpenAiRoute, error_of_stream
from memorybank_service.http.completions.remembering import Conversation
from memorybank_service.http.degraded import degraded_header
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.problems import Problem
from memorybank_service.http.whose import ids_in
from memorybank_service.llm.errors import ProviderError
from memorybank_service.llm.relay import Chunk, Relay
from memorybank_service.store import NO_USER, Along, Scope

SECONDS = 300.0
"""For the whole answer of a provider."""
_GONE = 499
"""Nobody is there any more to read it; the metrics have it."""

router = APIRouter(route_class=OpenAiRoute, dependencies=[Depends(require("write"))])


def _scope(request: Request, body: CompletionRequest) -> Scope:
    """Headers are the client's own settings, and bind: an application behind it cannot name another user."""
    bound = ids_in(request.headers)
    try:
        given = body.ids()
    except ValueError as error:
        raise Problem(400, "malformed-request", f"{str(error).capitalize()}.") from None
    for name, value in bound.items():
        if given.get(name, value) != value:
            raise Problem(400, "malformed-request", f"The header and the body name different {name}s.")
    ids = given | bound
    return Scope(ids.get("user_id", NO_USER), ids.get("agent_id"), ids.get("run_id"))


@router.post("/v1/chat/completions", include_in_schema=False)  # described by OpenAI
async def chat_completions(
    body: CompletionRequest, request: Request, bank: Bank, scope: Annotated[Scope, Depends(_scope)], once: OnceOnly
) -> Response:
    """OpenAI's, with a memory: recalls before the model is asked, and stores what the user and the model said."""
    conversation = Conversation(bank, body, scope, request.state.key.name)
    if body.stream:
        return await _streamed(body, request, conversation)
    told: list[_Told] = []

    async def converse(along: Along) -> None:
        ready = await _ready(body, request, conversation)
        answer = await _while_there(request, ready.relay.complete(ready.handed_on, SECONDS))
        if answer is None:
            raise _GoneError
        told.append(_Told(answer, ready))
        await conversation.store_answer(_words(answer, "message"), along)

    try:
        response = await once(bank, converse, lambda _: _json(told[-1].answer))
    except _GoneError:
        return Response(status_code=_GONE)
    for one in told:
        response.headers.update(one.ready.headers)
        response.background = one.ready.after
    return response


@dataclass(frozen=True)
class _Ready:
    """What the model is asked, with what is recalled."""

    relay: Relay
    handed_on: dict[str, Any]
    headers: Mapping[str, str]
    after: BackgroundTask


@dataclass(frozen=True)
class _Told:
    answer: Chunk
    ready: _Ready


class _GoneError(Exception):
    """Nobody waits for the answer any more."""


async def _ready(body: CompletionRequest, request: Request, conversation: Conversation) -> _Ready:
    recalled = await conversation.recall()
    await conversation.store_question()
    relay = tenant_of(request).relay.named(body.model)
    handed_on = body.handed_on
    handed_on["messages"] = with_context(handed_on["messages"], recalled.text)
    headers = {"x-memorybank-memories": str(len(recalled.used)), **degraded_header(recalled.degraded)}
    return _Ready(relay, handed_on, headers, BackgroundTask(conversation.count, recalled))


async def _streamed(body: CompletionRequest, request: Request, conversation: Conversation) -> Response:
    ready = await _ready(body, request, conversation)
    chunks = ready.relay.stream(ready.handed_on, SECONDS)
    first = await _while_there(request, _first(chunks))  # what goes wrong before it still has a status
    if first is None:
        await chunks.aclose()
        return Response(status_code=_GONE)
    events = _events(first, chunks, conversation, with_usage=body.wants_usage)
    return StreamingResponse(events, 200, ready.headers, "text/event-stream", ready.after)


async def _events(
    first: Chunk, rest: AsyncGenerator[Chunk, None], conversation: Conversation, *, with_usage: bool
) -> AsyncGenerator[str, None]:
    """Server-sent events. Cancelled where the client goes away, and with it the model's answer."""
    said, chunk = "", first
    async with aclosing(rest):
        try:
            while chunk:
                said += _words(chunk, "delta")
                if chunk.get("choices") or with_usage:
                    yield _event(chunk if with_usage else {k: v for k, v in chunk.items() if k != "usage"})
                chunk = await anext(rest, {})
        except ProviderError as error:
            yield _event(error_of_stream(error))
            return
    await conversation.store_answer(said)
    yield "data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {_json(value)}\n\n"


def _json(value: Mapping[str, Any]) -> str:
    """In ASCII: a model may say half of a surrogate pair, which nothing else can carry."""
    return json.dumps(value, separators=(",", ":"))


def _words(answer: Chunk, part: str) -> str:
    """Of the first choice: the others are variants of it."""
    words = [(choice.get(part) or {}).get("content") for choice in answer.get("choices", []) if not choice.get("index")]
    return "".join(word for word in words if isinstance(word, str))


async def _first(chunks: AsyncGenerator[Chunk, None]) -> Chunk:
    return await anext(chunks)


async def _while_there(request: Request, answer: Coroutine[Any, Any, Chunk]) -> Chunk | None:
    """None, and the call broken off, where the client does not wait for its answer any more."""
    asking, leaving = asyncio.create_task(answer), asyncio.create_task(_left(request))
    try:
        await asyncio.wait([asking, leaving], return_when=asyncio.FIRST_COMPLETED)
        return await asking if asking.done() else None
    finally:
        for task in (asking, leaving):
            task.cancel()
        await asyncio.gather(asking, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
