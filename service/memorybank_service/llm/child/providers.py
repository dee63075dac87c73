"""A call to a provider through litellm: what it is asked, and what of its answer is believed."""

import asyncio
import threading
import time
from array import array
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from memorybank_service.llm.calls import ChatCall, EmbedCall, Embedded, Failure, RelayCall, Said
from memorybank_service.llm.child.failures import failure_of
from memorybank_service.llm.child.wire import Exchange, bound_httpx, exchange_of_call

T = TypeVar("T")
NO_KEY = "none"
"""For an endpoint that wants none: OpenAI's library insists on one."""

_CLIENT_SECONDS = 3600.0
"""Always the same, since litellm keeps a client for each; it is `guarded` that ends a call in time."""

_loading = threading.Lock()
_loaded: list[Any] = []


class UnreadableError(Exception):
    """An answer without what was asked for."""


def load_litellm() -> Any:
    """The module. Takes seconds at the first call, and holds up whoever else needs it."""
    with _loading:
        if not _loaded:
            import litellm

            litellm.telemetry = False
            litellm.suppress_debug_info = True
            litellm.drop_params = True  # what a model does not know, such as a temperature, is left out
            litellm.disable_hf_tokenizer_download = True
            bound_httpx()
            _loaded.append(litellm)
        return _loaded[0]


async def complete(litellm: Any, call: ChatCall) -> Said | Failure:
    async def ask() -> Said:
        answer = await litellm.acompletion(**_chat(call))
        text = answer.choices[0].message.content
        if not isinstance(text, str):
            raise UnreadableError
        return said(text, answer)

    return await guarded(ask, call)


async def stream(litellm: Any, call: ChatCall, take: Callable[[str], None]) -> Said | Failure:
    """Gives each piece to `take`; the text of the result is all of them together."""

    async def ask() -> Said:
        pieces = await litellm.acompletion(**_chat(call), stream=True, stream_options={"include_usage": True})
        text, last = "", None
        async for piece in pieces:
            last = piece if getattr(piece, "usage", None) else last
            content = piece.choices[0].delta.content if piece.choices else None
            if isinstance(content, str) and content:
                text += content
                take(content)
        return said(text, last)

    return await guarded(ask, call)


async def embed(litellm: Any, call: EmbedCall) -> Embedded | Failure:
    async def ask() -> Embedded:
        started = time.monotonic()
        answer = await litellm.aembedding(input=list(call.texts), **common(call))
        seconds = time.monotonic() - started
        vectors: dict[int, bytes] = {}
        for place, entry in enumerate(answer.data):
            index = entry.get("index")
            vectors[place if index is None else index] = array("d", entry["embedding"]).tobytes()
        if sorted(vectors) != list(range(len(call.texts))):
            raise UnreadableError
        made = tuple(vectors[i] for i in range(len(call.texts)))
        return Embedded(made, _count(answer, "prompt_tokens"), seconds)

    return await guarded(ask, call)


async def guarded(ask: Callable[[], Awaitable[T]], call: ChatCall | RelayCall | EmbedCall) -> T | Failure:
    left = call.deadline - time.monotonic()
    if left <= 0:
        return Failure("timeout")
    exchange = Exchange(call.answer_bytes, call.endpoint.host)
    exchange_of_call.set(exchange)  # of this call's task, and of the tasks that it begins
    timed_out = False
    try:
        async with asyncio.timeout(left):
            return await ask()
    except Exception:  # litellm raises nearly anything on a bad answer; what happened on the wire says more
        timed_out = time.monotonic() >= call.deadline
    return failure_of(exchange, timed_out=timed_out, prompt=_sent(call))


def _sent(call: ChatCall | RelayCall | EmbedCall) -> str:
    if isinstance(call, RelayCall):
        return call.body
    return "\n".join(call.texts if isinstance(call, EmbedCall) else (words for _, words in call.messages))


def _chat(call: ChatCall) -> dict[str, Any]:
    about: dict[str, Any] = {
        "messages": [{"role": role, "content": words} for role, words in call.messages],
        "max_tokens": call.max_tokens,
        "temperature": call.temperature,
        **common(call),
    }
    if call.json_schema is not None:
        shape = {"name": "answer", "strict": True, "schema": dict(call.json_schema)}
        about["response_format"] = {"type": "json_schema", "json_schema": shape}
    return about


def common(call: ChatCall | RelayCall | EmbedCall) -> dict[str, Any]:
    endpoint = call.endpoint
    return {
        "model": endpoint.litellm_model,
        "api_key": endpoint.api_key or NO_KEY,
        "api_base": endpoint.api_base,
        "timeout": _CLIENT_SECONDS,
        "max_retries": 0,  # whoever calls knows better whether and when
        "num_retries": 0,
    }


def said(text: str, answer: Any) -> Said:
    return Said(text, _count(answer, "prompt_tokens"), _count(answer, "completion_tokens"))


def _count(answer: Any, name: str) -> int | None:
    """Of tokens; None where the provider does not say, or says something impossible."""
    value = getattr(getattr(answer, "usage", None), name, None)
    return value if isinstance(value, int) and 0 < value < 10_000_000 else None
