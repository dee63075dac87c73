"""What the tools take and give, with bounds and descriptions for the language model that reads them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from memorybank_service.clock import rfc3339
from memorybank_service.http.fields import MemoryId, Name, PlainMetadata, Somebody, Text
from memorybank_service.store import Memory

MOST_FOUND, MOST_LISTED = 50, 100
_WHOSE = Field(description="Whose memory this is. Leave it out where the connection is bound to one user.")
_Whose = Annotated[Name | None, _WHOSE]
_Agent = Annotated[Name | None, Field(description="Only the memories of this agent.")]
_Run = Annotated[Name | None, Field(description="Only the memories of this conversation.")]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddArguments(_Arguments):
    content: Annotated[
        Text,
        Field(
            description="One fact, preference, decision or event in a full sentence that still makes sense months "
            "from now: with names instead of pronouns, and dates instead of `tomorrow`.",
            max_length=32 << 10,
            examples=["Ada Lovelace takes the night train to Vienna on Friday, 15 January 2027."],
        ),
    ]
    user_id: Annotated[Somebody | None, _WHOSE] = None
    agent_id: Annotated[Name | None, Field(description="The agent that it belongs to.")] = None
    run_id: Annotated[Name | None, Field(description="The conversation that it belongs to.")] = None
    importance: Annotated[float, Field(ge=0, le=1, description="0.5 is usual; 1 for what must not be missed.")] = 0.5
    metadata: Annotated[PlainMetadata | None, Field(description="Any keys of your own, to filter by.")] = None


class SearchArguments(_Arguments):
    query: Annotated[
        Text,
        Field(
            description="What you want to know, as a question or in the words that the memory would use.",
            max_length=32 << 10,
            examples=["What does Ada like to drink?"],
        ),
    ]
    user_id: _Whose = None
    agent_id: _Agent = None
    run_id: _Run = None
    limit: Annotated[int, Field(ge=1, le=MOST_FOUND, description="How many memories at most.")] = 10


class ListArguments(_Arguments):
    user_id: _Whose = None
    agent_id: _Agent = None
    run_id: _Run = None
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED, description="How many memories at most.")] = 20
    cursor: Annotated[
        str | None, Field(max_length=20, pattern=r"^\d+$", description="`next_cursor` of the page before.")
    ] = None


class ForgetArguments(_Arguments):
    memory_id: Annotated[MemoryId, Field(description="The `id` of a memory that another tool has shown.")]


class ProfileArguments(_Arguments):
    user_id: _Whose = None


class ShownMemory(BaseModel):
    id: str
    content: str
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    speaker: str | None = None
    created_at: str = Field(description="When it was said (RFC 3339, UTC).")
    importance: float
    metadata: dict[str, Any]
    similarity: float | None = Field(None, description="0 to 1: how close it is to the query; below 0.3 it may not be.")


class AddAnswer(BaseModel):
    memory: ShownMemory


class SearchAnswer(BaseModel):
    memories: list[ShownMemory] = Field(description="The best first.")
    degraded: list[str] | None = Field(None, description="What could not be used for this search.")


class ListAnswer(BaseModel):
    memories: list[ShownMemory] = Field(description="The latest first.")
    total: int = Field(description="On all pages.")
    next_cursor: str | None = None


class ForgetAnswer(BaseModel):
    memory_id: str
    status: str = "forgotten"


class Day(BaseModel):
    day: str = Field(description="In UTC, as `2027-01-15`.")
    summary: str


class ProfileAnswer(BaseModel):
    user_id: str | None = None
    portrait: str | None = Field(None, description="What this person is like.")
    strategy: str | None = Field(None, description="How to answer this person.")
    summary: str | None = Field(None, description="Of all that was said.")
    days: list[Day] | None = Field(None, description="Summaries of the last days on which something was said.")
    memories: int = Field(description="How many there are of this user that have not faded.")
    first_seen: str | None = Field(None, description="When the earliest of them was said (RFC 3339, UTC).")
    last_seen: str | None = None
    important: list[ShownMemory] = Field(description="What is pinned or matters most.")


def shown(memory: Memory, similarity: float | None = None) -> ShownMemory:
    return ShownMemory(
        id=memory.id,
        content=memory.content,
        user_id=memory.user_id or None,
        agent_id=memory.agent_id,
        run_id=memory.run_id,
        speaker=memory.speaker,
        created_at=rfc3339(memory.created_at),
        importance=memory.importance,
        metadata=memory.metadata,
        similarity=None if similarity is None else round(similarity, 4),
    )
