"""A model's answer in the shapes of the providers: OpenAI's, Anthropic's and Google's, whole or as a stream of words.

Each says that the prompt had 11 tokens and the answer 5.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

PROMPT_TOKENS, COMPLETION_TOKENS = 11, 5


def whole(path: str, model: str, text: str) -> dict[str, Any]:
    """`path` is that of the request, by which the providers differ."""
    if path.endswith("/messages"):
        return {**_anthropic(model), "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
    if path.endswith(":generateContent"):
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
        counts = {"promptTokenCount": PROMPT_TOKENS, "candidatesTokenCount": COMPLETION_TOKENS}
        return {
            "candidates": [candidate],
            "usageMetadata": {**counts, "totalTokenCount": PROMPT_TOKENS + COMPLETION_TOKENS},
            "modelVersion": model,
        }
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {**_openai("chat.completion", model), "choices": [choice], "usage": _usage()}


def events(path: str, model: str, text: str) -> Iterator[bytes]:
    """The chunks of a stream."""
    words = re.findall(r"\s*\S+", text) or [text]
    if path.endswith("/messages"):
        yield from _anthropic_events(model, words)
    else:
        yield from _openai_events(model, words)


def _openai_events(model: str, words: list[str]) -> Iterator[bytes]:
    about = _openai("chat.completion.chunk", model)
    for word in words:
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        yield _event({**about, "choices": [choice]})
    yield _event({**about, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _event({**about, "choices": [], "usage": _usage()})
    yield b"data: [DONE]\n\n"


def _anthropic_events(model: str, words: list[str]) -> Iterator[bytes]:
    yield _named("message_start", {"message": {**_anthropic(model), "content": [], "stop_reason": None}})
    yield _named("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    for word in words:
        yield _named("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}})
    yield _named("content_block_stop", {"index": 0})
    yield _named("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": COMPLETION_TOKENS}})
    yield _named("message_stop", {})


def _openai(kind: str, model: str) -> dict[str, Any]:
    return {"id": "c1", "object": kind, "created": 1_800_000_000, "model": model}


def _usage() -> dict[str, int]:
    total = PROMPT_TOKENS + COMPLETION_TOKENS
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS, "total_tokens": total}


def _anthropic(model: str) -> dict[str, Any]:
    usage = {"input_tokens": PROMPT_TOKENS, "output_tokens": COMPLETION_TOKENS}
    return {"id": "m1", "type": "message", "role": "assistant", "model": model, "usage": usage}


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _named(name: str, value: dict[str, object]) -> bytes:
    return b"event: " + name.encode() + b"\n" + _event({"type": name, **value})
