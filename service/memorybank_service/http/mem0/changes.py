"""What mem0's client sends to change or delete memories by their ids."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from memorybank_service.http.fields import MemoryId, PlainMetadata, Text
from memorybank_service.http.mem0.bodies import ExpirationDate, Moment
from memorybank_service.http.mem0.shape import KEPT_APART

MOST_IN_BATCH = 1000
UNCHANGED: Any = None
"""The default of a field that null cannot stand for."""


class UpdateBody(BaseModel):
    model_config = ConfigDict(
        extra="ignore",
        strict=True,
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("text", "metadata", "timestamp", "expiration_date")],
            "examples": [{"text": "I take the night train to Vienna on Friday.", "metadata": {"topic": "travel"}}],
        },
    )

    text: Text = UNCHANGED
    metadata: PlainMetadata = Field(UNCHANGED, description="Takes the place of all that was there.")
    timestamp: Moment = Field(UNCHANGED, description="When it was said.")
    expiration_date: ExpirationDate | None = Field(None, description="The last day on which it is found; null: any.")

    @model_validator(mode="after")
    def _something(self) -> "UpdateBody":
        if not self.model_fields_set & set(UpdateBody.model_fields):
            raise ValueError("must change at least one of text, metadata, timestamp, expiration_date")
        return self

    def metadata_of(self, before: Mapping[str, object]) -> dict[str, object] | None:
        """What is a field of its own in mem0's shape stays."""
        if self.metadata is UNCHANGED:
            return None
        return {**self.metadata, **{name: before[name] for name in KEPT_APART if name in before}}


class _BatchUpdate(UpdateBody):
    memory_id: MemoryId


class _BatchDelete(BaseModel):
    memory_id: MemoryId


class BatchUpdateBody(BaseModel):
    memories: list[_BatchUpdate] = Field(min_length=1, max_length=MOST_IN_BATCH)


class BatchDeleteBody(BaseModel):
    memories: list[_BatchDelete] = Field(min_length=1, max_length=MOST_IN_BATCH)
