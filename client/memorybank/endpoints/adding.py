"""Adding memories: one, the turns of a conversation, or many."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Required, TypedDict

from memorybank.batches import batches
from memorybank.call import Call, Steps, given
from memorybank.decode import as_
from memorybank.errors import MemoryBankError
from memorybank.memory import AddedId, AddedIds, AddedMemories, AddedMemory

PATH = "/v1/memories"
PATIENCE_SECONDS = 120.0
"""How long the service may take to embed many, on a slow machine."""


class NewMemory(TypedDict, total=False):
    """What `add` takes, as a mapping."""

    content: Required[str]
    id: str
    user_id: str
    agent_id: str
    run_id: str
    speaker: str
    created_at: datetime
    metadata: Mapping[str, Any]
    importance: float
    pinned: bool
    expires_at: datetime
    infer: bool


class Message(TypedDict, total=False):
    """A turn of a conversation, as OpenAI's API has it."""

    role: Required[str]
    content: Required[str]
    name: str
    created_at: datetime


def add(
    content: str,
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    speaker: str | None = None,
    created_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    importance: float | None = None,
    pinned: bool | None = None,
    expires_at: datetime | None = None,
    id: str | None = None,
    infer: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[AddedMemory]:
    """Stores what was said, word for word; returns once it is on the tenant's disk, and searches find it.

    At most 32 KiB. Without a `user_id` it is nobody's in particular. `run_id` is its conversation, `created_at` when it
    was said (now), `importance` from 0 to 1 (0.5). Adding it again under the same `id` and with the same content
    changes nothing; an `id` that belongs to another memory is a `ConflictError`. With `infer` the tenant's language
    model also draws facts from it, in the background.
    """
    body = {
        "content": content,
        "user_id": user_id,
        "agent_id": agent_id,
        "run_id": run_id,
        "speaker": speaker,
        "created_at": created_at,
        "metadata": metadata,
        "importance": importance,
        "pinned": pinned,
        "expires_at": expires_at,
        "id": id,
        "infer": infer,
    }
    read = as_(AddedMemory)
    return Call("POST", PATH, read, body=given(body), writes=True, idempotency_key=idempotency_key)


def add_messages(
    messages: Sequence[Message | Mapping[str, object]],
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    created_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
    importance: float | None = None,
    pinned: bool | None = None,
    expires_at: datetime | None = None,
    infer: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[AddedMemories]:
    """Stores turns of a conversation, a memory each: `{"role": "user", "content": ..., "name": ...}`, at most 256.

    `name`, else `role`, is who speaks; a message may have a `created_at` of its own. Those of the roles system and
    developer are passed over. All of them are stored, or none. The rest is as in `add`.
    """
    body = {
        "messages": list(messages),
        "user_id": user_id,
        "agent_id": agent_id,
        "run_id": run_id,
        "created_at": created_at,
        "metadata": metadata,
        "importance": importance,
        "pinned": pinned,
        "expires_at": expires_at,
        "infer": infer,
    }
    return Call(
        "POST",
        PATH,
        as_(AddedMemories),
        body=given(body),
        writes=True,
        idempotency_key=idempotency_key,
        patience=PATIENCE_SECONDS,
    )


def add_batch(
    memories: Iterable[str | NewMemory | Mapping[str, object]],
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    infer: bool | None = None,
    idempotency_key: str | None = None,
) -> Steps[AddedIds]:
    """Stores many; returns their ids in their order. Each is a text, or a mapping of what `add` takes (`NewMemory`).

    `user_id` and the like hold for each memory that does not say otherwise: `add_batch(lines, user_id="ada")`.

    They go in requests of at most 1,000, each of which is stored wholly or not at all. Where a later one fails, the
    earlier ones are stored: the same call with the error's `idempotency_key`, within 24 hours, does the rest.
    """
    key = idempotency_key or str(uuid.uuid4())
    every = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "infer": infer}
    whole = (given(every | ({"content": entry} if isinstance(entry, str) else dict(entry))) for entry in memories)
    added, degraded = list[AddedId](), dict[str, None]()
    for number, batch in enumerate(batches(whole)):
        body, part = {"memories": batch}, f"{key}-{number}"
        try:
            answer = yield from Call(
                "POST",
                f"{PATH}/batch",
                as_(AddedIds),
                body=body,
                writes=True,
                idempotency_key=part,
                patience=PATIENCE_SECONDS,
            )
        except MemoryBankError as error:
            error.idempotency_key = key
            raise
        added += answer.results
        degraded |= dict.fromkeys(answer.degraded)
    return AddedIds(results=tuple(added), degraded=tuple(degraded))
