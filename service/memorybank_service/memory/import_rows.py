"""The lines of an upload as they wait for their import: checked where they came in, and made memories of here."""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from memorybank_service.memory.keeping import Draft, new_memory
from memorybank_service.memory.pauses import Pauses
from memorybank_service.store import NewMemory, Vector
from memorybank_service.store.moved import Arrival, MovedEvent, MovedRest, MovedSummary, MovedTombstone, SpooledLine

RowKind = Literal["draft", "memory", "event", "tombstone", "summary", "space", "end", "error"]
_LENGTH_TOLERANCE = 0.01
"""By which a vector's length may differ from 1: float16 keeps three digits."""


@dataclass(frozen=True)
class ImportRow:
    line: int
    """Of the upload, from 1."""
    kind: RowKind
    fields: Mapping[str, Any]
    user_id: str = ""
    place: int = 0
    """Among those that one line gave."""

    def encoded(self) -> bytes:
        value = {"line": self.line, "place": self.place, "kind": self.kind, "user_id": self.user_id}
        return json.dumps({**value, "fields": self.fields}, ensure_ascii=False).encode() + b"\n"


def read_row(line: SpooledLine) -> ImportRow:
    value = line.value
    return ImportRow(value["line"], value["kind"], value["fields"], value["user_id"], value["place"])


def draft_of(row: ImportRow, job_id: str) -> Draft:
    """Without an id of its own it gets one that is the same however often the job is begun."""
    draft = Draft(user_id=row.user_id, **row.fields)
    if draft.id is not None:
        return draft
    return Draft(**{**vars(draft), "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job_id}/{row.line}/{row.place}"))})


def arrival_of_draft(draft: Draft, now: float, vector: Vector | None, actor: str | None) -> Arrival:
    """It begins to be forgotten when it arrives, however long ago it was said."""
    return Arrival(new_memory(draft, now, vector), added_by=actor)


def arrival_of(row: ImportRow, now: float, pauses: Pauses, vector: Vector | None) -> Arrival:
    """As much of it is left as when it was exported: the time in between does not count."""
    fields = row.fields
    memory = NewMemory(
        id=fields["id"],
        content=fields["content"],
        created_at=fields["created_at"],
        stored_at=fields["stored_at"],
        user_id=row.user_id,
        agent_id=fields["agent_id"],
        run_id=fields["run_id"],
        speaker=fields["speaker"],
        metadata=fields["metadata"],
        vector=vector,
        importance=fields["importance"],
        pinned=fields["pinned"],
        expires_at=fields["expires_at"],
        kind=fields["kind"],
        sources=fields["source_ids"],
        anchor=float(pauses.after(now, -fields["decay_seconds"])),
        recalls=fields["recalls"],
    )
    return Arrival(memory, fields["updated_at"], fields["recalled_at"], fields["superseded_by"], fields["added_by"])


def rest_of(row: ImportRow) -> MovedRest:
    match row.kind:
        case "event":
            return MovedEvent(row.user_id, **row.fields)
        case "tombstone":
            return MovedTombstone(row.user_id, bytes.fromhex(row.fields["digest"]), row.fields["at"])
        case _:
            return MovedSummary(row.user_id, **row.fields)


def vector_of(row: ImportRow, dimension: int) -> Vector | None:
    """The one that came along; None if it is none of this length, or none that can be compared."""
    try:
        raw = base64.b64decode(row.fields.get("vector") or "", validate=True)
    except binascii.Error:
        return None
    if not raw or len(raw) != 2 * dimension:
        return None
    vector = np.frombuffer(raw, np.dtype("<f2")).astype(np.float32)
    length = float(np.linalg.norm(vector))
    return vector if abs(length - 1) < _LENGTH_TOLERANCE else None
