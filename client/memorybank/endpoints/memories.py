"""Memories that are there: reading, listing, changing, restoring, pinning, deleting, and what happened to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal

from memorybank.call import Call, given, segment
from memorybank.decode import as_, each, page_of
from memorybank.memory import Event, Memory, State
from memorybank.record import Page
from memorybank.shapes import Pages

PATH = "/v1/memories"


class Unchanged(Enum):
    KEEP = "as it is"


KEEP: Final = Unchanged.KEEP
"""What `update` leaves as it is; None takes a value away."""


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


def _path(memory_id: str) -> str:
    return f"{PATH}/{segment(memory_id)}"
