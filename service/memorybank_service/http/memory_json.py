"""How a memory looks in an answer: the one place that names its fields."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from memorybank_service.clock import rfc3339
from memorybank_service.memory.keeping import Kept
from memorybank_service.memory.recalling import Recollection
from memorybank_service.memory.retention import MemoryState
from memorybank_service.store.records import Kind

EXAMPLE: dict[str, Any] = {
    "id": "0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e",
    "content": "I take the night train to Vienna on Friday.",
    "memory": "I take the night train to Vienna on Friday.",
    "user_id": "ada",
    "agent_id": None,
    "run_id": "s1",
    "session_id": "s1",
    "speaker": "Ada",
    "created_at": "2027-01-15T08:00:00.000Z",
    "stored_at": "2027-01-15T08:00:00.120Z",
    "updated_at": "2027-01-15T08:00:00.120Z",
    "metadata": {"topic": "travel"},
    "importance": 0.5,
    "pinned": False,
    "expires_at": None,
    "state": "active",
    "kind": "turn",
}


class MemoryAnswer(BaseModel):
    """For the description of the API; answers are made by `memory_json`, which costs a tenth of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]}, title="Memory")

    id: str
    content: str = Field(description="What was said, to the letter.")
    memory: str = Field(description="The same as `content`, under the name that mem0's clients read.")
    user_id: str | None
    agent_id: str | None
    run_id: str | None = Field(description="The conversation that it belongs to.")
    session_id: str | None = Field(description="The same as `run_id`.")
    speaker: str | None
    created_at: str = Field(description="When it was said (RFC 3339, UTC).")
    stored_at: str = Field(description="When it arrived here.")
    updated_at: str
    metadata: dict[str, Any]
    importance: float = Field(ge=0, le=1)
    pinned: bool = Field(description="A pinned memory never fades.")
    expires_at: str | None
    state: MemoryState
    kind: Kind = Field(description="`turn`: what was said; `fact`: what a model made of it.")
    source_ids: list[str] | None = Field(None, description="Of a fact: the memories that it was made of.")
    superseded_by: str | None = Field(None, description="Where a newer fact has taken its place: the id of that one.")


class FoundMemoryAnswer(MemoryAnswer):
    model_config = ConfigDict(
        title="SearchResult",
        json_schema_extra={"examples": [EXAMPLE | {"score": 1.42, "similarity": 0.71, "retention": 0.97}]},
    )

    score: float = Field(description="Orders one answer; says nothing across answers.")
    similarity: float = Field(
        ge=0, le=1, description="The cosine; of one found by its words alone the share of the query's terms in it."
    )
    retention: float = Field(ge=0, le=1, description="What is left of it: from 1, just recalled, down to 0.")
    explain: dict[str, float] | None = Field(None, description="The parts that the score is the sum of.")
    neighbors: list[MemoryAnswer] | None = Field(
        None, description="What was said just before and after it in its run, in that order."
    )


def found_json(found: Recollection) -> dict[str, Any]:
    shown = memory_json(found.kept) | {
        "score": found.hit.score,
        "similarity": found.hit.similarity,
        "retention": found.hit.retention,
    }
    if found.hit.explain is not None:
        shown["explain"] = dict(found.hit.explain)
    if found.neighbours:
        shown["neighbors"] = [memory_json(neighbour) for neighbour in found.neighbours]
    return shown


def memory_json(kept: Kept) -> dict[str, Any]:
    memory = kept.memory
    shown: dict[str, Any] = {
        "id": memory.id,
        "content": memory.content,
        "memory": memory.content,
        "user_id": memory.user_id or None,
        "agent_id": memory.agent_id,
        "run_id": memory.run_id,
        "session_id": memory.run_id,
        "speaker": memory.speaker,
        "created_at": rfc3339(memory.created_at),
        "stored_at": rfc3339(memory.stored_at),
        "updated_at": rfc3339(memory.updated_at),
        "metadata": memory.metadata,
        "importance": memory.importance,
        "pinned": memory.pinned,
        "expires_at": None if memory.expires_at is None else rfc3339(memory.expires_at),
        "state": kept.state,
        "kind": memory.kind,
    }
    if memory.kind == "fact":
        shown["source_ids"] = list(kept.sources)
    if memory.superseded_by:  # else it was deleted
        shown["superseded_by"] = memory.superseded_by
    return shown
