"""The API that MemoryBank clients already speak, by the names that its users know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memorybank.call import Call, given
from memorybank.decode import as_, as_object, each, text_of
from memorybank.endpoints.adding import Message
from memorybank.memory import ChatAnswer, FoundMemory

MODEL_SECONDS = 180.0
"""Longer than the service itself waits for a model."""


def store_memory(
    content: str, metadata: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None
) -> Call[str]:
    """Stores the words; returns the memory's id once they are on the tenant's disk.

    `metadata` has `user_id` and `session_id` where the memory is a user's and of a conversation; all else is kept as
    given. At most 32 KiB of content and 16 KiB of metadata.
    """
    body = {"content": content, "metadata": dict(metadata or {})}
    return Call(
        "POST",
        "/store_memory",
        text_of("memory_id"),
        body=body,
        writes=True,
        idempotency_key=idempotency_key,
    )


def retrieve_memories(query: str, top_k: int = 3, metadata: Mapping[str, Any] | None = None) -> Call[list[FoundMemory]]:
    """The memories that answer the query, best first.

    `metadata` narrows by equality (a list: by containing all of it), `user_id` in it to one user; without that the
    whole tenant is searched.
    """
    body = {"query": query, "top_k": top_k, "metadata": dict(metadata or {})}
    return Call("POST", "/retrieve_memory", each(FoundMemory, "memories"), body=body)


def forget_memory(memory_id: str) -> Call[None]:
    """Deletes one memory for good; `NotFoundError` where there is none of that id."""
    body = {"memory_id": memory_id}
    return Call("POST", "/forget_memory", lambda answer: None, body=body, writes=True, gone_is_done=True)


def chat(
    query: str,
    context: str | Sequence[Message | Mapping[str, object]] | None = None,
    *,
    model: str | None = None,
    system_prompt: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[ChatAnswer]:
    """What the tenant's language model answers, knowing the memories that belong to the query; both are remembered.

    `context` is what was said just before, a text or turns; `metadata["user_id"]` says whose memories. Without a model,
    or where it fails, it is an `UnavailableError`, and the query is stored. A model may take its time: it is waited for
    up to three minutes, and not asked again where the answer is lost.
    """
    body = {
        "query": query,
        "context": context if context is None or isinstance(context, str) else list(context),
        "model": model,
        "system_prompt": system_prompt,
        "metadata": metadata,
    }
    return Call(
        "POST",
        "/chat",
        as_(ChatAnswer),
        body=given(body),
        writes=True,
        idempotency_key=idempotency_key,
        patience=MODEL_SECONDS,
        asks_model=True,
    )


def get_memory_stats() -> Call[dict[str, Any]]:
    """How many memories there are, how important on average, the oldest and the newest; times as RFC 3339, or None."""
    return Call("GET", "/memory_stats", as_object)


def get_scheduler_status() -> Call[dict[str, Any]]:
    """What the service does on its own: each job with its next run, and what came of the last."""
    return Call("GET", "/scheduler_status", as_object)


def run_forgetting_curve() -> Call[dict[str, Any]]:
    """Runs the forgetting now; says how many memories are faded, and how many this run purged."""
    return Call("POST", "/run_forgetting_curve", as_object, writes=True)


def health_check() -> Call[dict[str, Any]]:
    """Whether the tenant answers; needs no key. `UnavailableError` while it starts."""
    return Call("GET", "/health", as_object)
