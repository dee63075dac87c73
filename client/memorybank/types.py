"""What the service's answers are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FoundMemory:
    """One memory that a search found; `score` orders one answer, `timestamp` is when it was said (RFC 3339, UTC)."""

    memory_id: str
    content: str
    timestamp: str
    score: float
    importance: float
    access_count: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> FoundMemory:
        return cls(
            memory_id=answer["memory_id"],
            content=answer["content"],
            timestamp=answer["timestamp"],
            score=answer["score"],
            importance=answer["importance"],
            access_count=answer["access_count"],
            metadata=answer["metadata"],
        )
