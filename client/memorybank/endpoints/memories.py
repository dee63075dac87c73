"""Memories one by one and many: adding, reading, listing, changing, deleting, and what happened to them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal

from memorybank.batches import batches
from memorybank.call import Call, Steps, segment
from memorybank.decode import as_, each, page_of
from memorybank.errors import MemoryBankError
from memorybank.records import AddedId, AddedMemories, AddedMemory, Event, Memory, Page, State
from memorybank.shapes import Pages

PATH = "/v1/memories"


class Unchanged(Enum):
    KEEP = "as it is"


KEEP: Final = Unchanged.KEEP
"""What `update` leaves as it is; None takes a value away."""


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
    messages: Sequence[Mapping[str, Any]],
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
    read = as_(AddedMemories)
    return Call("POST", PATH, read, body=given(body), writes=True, idempotency_key=idempotency_key)


def add_batch(
    memories: Iterable[str | Mapping[str, object]],
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    infer: bool | None = None,
    idempotency_key: str | None = None,
) -> Steps[list[AddedId]]:
    """Stores many; returns their ids in their order. Each is a text, or a mapping of what `add` takes (`NewMemory`).

    `user_id` and the like hold for each memory that does not say otherwise: `add_batch(lines, user_id="ada")`.

    They go in requests of at most 1,000, each of which is stored wholly or not at all. Where a later one fails, the
    earlier ones are stored: the same call with the error's `idempotency_key`, within 24 hours, does the rest.
    """
    key = idempotency_key or str(uuid.uuid4())
    every = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id, "infer": infer}
    whole = (given(every | ({"content": entry} if isinstance(entry, str) else dict(entry))) for entry in memories)
    added: list[AddedId] = []
    for number, batch in enumerate(batches(whole)):
        body, part = {"memories": batch}, f"{key}-{number}"
        try:
            added += yield from Call(
                "POST", f"{PATH}/batch", each(AddedId, "results"), body=body, writes=True, idempotency_key=part
            )
        except MemoryBankError as error:
            error.idempotency_key = key
            raise
    return added


def get(memory_id: str) -> Call[Memory]:
    """One memory, whatever its state; `NotFoundError` where there is none of that id."""
    return Call("GET", _path(memory_id), as_(Memory))


def list_memories(
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    filters: Mapping[str, Any] | None = None,
    states: Sequence[State] | None = None,
    page_size: int = 100,
) -> Pages[Memory]:
    """All memories of a user (None: of nobody in particular; "*": everyone's), the latest arrival first.

    `filters` are as in `search`; without `states`, memories of every state are listed. They are fetched `page_size` (at
    most 1,000) at a time, while they are gone through.
    """
    return Pages(
        lambda cursor: list_page(
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            filters=filters,
            states=states,
            limit=page_size,
            cursor=cursor,
        )
    )


def list_page(
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    filters: Mapping[str, Any] | None = None,
    states: Sequence[State] | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Call[Page[Memory]]:
    """One page of `list`: at most `limit` memories, after the `cursor` of the page before."""
    query = {
        "user_id": user_id,
        "agent_id": agent_id,
        "run_id": run_id,
        "filters": filters,
        "state": states,
        "limit": limit,
        "cursor": cursor,
    }
    return Call("GET", PATH, page_of(Memory), query=query)


def update(
    memory_id: str,
    *,
    content: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    importance: float | None = None,
    pinned: bool | None = None,
    expires_at: datetime | Literal[Unchanged.KEEP] | None = KEEP,
    speaker: str | None = None,
    created_at: datetime | None = None,
) -> Call[Memory]:
    """Changes what is given, and nothing else; how strong the memory is stays. `expires_at=None`: it never expires."""
    body = {
        "content": content,
        "metadata": metadata,
        "importance": importance,
        "pinned": pinned,
        "speaker": speaker,
        "created_at": created_at,
    }
    changes = given(body) | ({} if expires_at is KEEP else {"expires_at": expires_at})
    return Call("PATCH", _path(memory_id), as_(Memory), body=changes)


def delete(memory_id: str) -> Call[None]:
    """Deletes it for good, with what was made of it alone; `NotFoundError` where there is none of that id."""
    return Call("DELETE", _path(memory_id), lambda answer: None, gone_is_done=True)


def history(memory_id: str) -> Call[list[Event]]:
    """What happened to it, from its arrival on; also after it was deleted, without the words."""
    return Call("GET", f"{_path(memory_id)}/history", each(Event))


def restore(memory_id: str) -> Call[Memory]:
    """Brings it back out of fading, expiry and supersession, as fresh as on the day it arrived."""
    return Call("POST", f"{_path(memory_id)}/restore", as_(Memory), writes=True)


def pin(memory_id: str) -> Call[Memory]:
    """A pinned memory never fades."""
    return Call("PUT", f"{_path(memory_id)}/pin", as_(Memory))


def unpin(memory_id: str) -> Call[Memory]:
    """Lets it fade like any other."""
    return Call("DELETE", f"{_path(memory_id)}/pin", as_(Memory))


def given(body: Mapping[str, object]) -> dict[str, object]:
    """Without what was left out."""
    return {name: value for name, value in body.items() if value is not None}


def _path(memory_id: str) -> str:
    return f"{PATH}/{segment(memory_id)}"
