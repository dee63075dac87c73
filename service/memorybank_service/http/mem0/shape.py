"""A memory and its history as mem0's clients read them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from memorybank_service.clock import rfc3339
from memorybank_service.memory.retention import MemoryState
from memorybank_service.memory.retrieval import Hit
from memorybank_service.store import Event, Memory

APP_ID, IMMUTABLE = "app_id", "immutable"
KEPT_APART = (APP_ID, IMMUTABLE)
"""Keys of a memory's metadata that are fields of their own there."""


def mem0_json(memory: Memory, state: MemoryState) -> dict[str, Any]:
    return {
        "id": memory.id,
        "memory": memory.content,
        **_whose(memory),
        "metadata": {name: value for name, value in memory.metadata.items() if name not in KEPT_APART},
        "categories": categories_of(memory.metadata),
        "immutable": memory.metadata.get(IMMUTABLE) is True,
        "expiration_date": None if memory.expires_at is None else _day(memory.expires_at),
        "created_at": rfc3339(memory.created_at),
        "updated_at": rfc3339(memory.updated_at),
        "lifecycle_state": state,
        "replaced_by": memory.superseded_by or None,
        "synthesized": memory.kind == "fact",
    }


def score_json(hit: Hit) -> dict[str, Any]:
    """In the order of our scores, which have no upper bound, and between 0 and 1, as there."""
    score = max(0.0, hit.score)
    return {"score": round(score / (1 + score), 6), "score_breakdown": {"semantic": round(hit.similarity, 6)}}


def chosen_fields(shown: Mapping[str, Any], fields: Sequence[str] | None) -> dict[str, Any]:
    """The id is always among them."""
    return dict(shown) if fields is None else {name: shown[name] for name in shown if name in ("id", *fields)}


def history_json(event: Event, memory: Memory | None) -> dict[str, Any]:
    """`memory`: None where it is deleted, of which the history tells no words."""
    said = event.new_content if event.action == "ADD" else None
    role = None if memory is None else memory.speaker
    return {
        "id": f"{event.memory_id}-{event.id}",
        "memory_id": event.memory_id,
        "event": event.action,
        "input": [] if said is None else [{"role": role or "user", "content": said}],
        "old_memory": event.old_content,
        "new_memory": event.new_content,
        **(
            dict.fromkeys(("user_id", "agent_id", "app_id", "run_id", "session_id"))
            if memory is None
            else _whose(memory)
        ),
        "metadata": None if memory is None else memory.metadata,
        "categories": [] if memory is None else categories_of(memory.metadata),
        "created_at": rfc3339(event.at),
        "updated_at": rfc3339(event.at),
    }


def categories_of(metadata: Mapping[str, object]) -> list[str]:
    """As they were given with it; a fact has the one that the model saw in it."""
    given = metadata.get("categories", [metadata.get("category")])
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def _whose(memory: Memory) -> dict[str, Any]:
    return {
        "user_id": memory.user_id or None,
        "agent_id": memory.agent_id,
        "app_id": memory.metadata.get(APP_ID),
        "run_id": memory.run_id,
        "session_id": memory.run_id,
    }


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
