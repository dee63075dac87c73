"""The lines of an export: newline-delimited JSON, each with a `type`. Read again by `import_lines`.

memorybank-export   the first line: what this is, what the vectors were made by, how much to expect
memory              with all that is known of it, and how long it has been forgotten
event               something that happened to a memory
summary, tombstone  what a model made of a day; a fact that somebody deleted, as a digest
end                 the last line: without it the export was broken off
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping

from memorybank_service.clock import rfc3339_exact
from memorybank_service.memory.exporting import Leaving
from memorybank_service.store import Space
from memorybank_service.store.moved import Inventory, MovedEvent, MovedRest, MovedSummary, MovedTombstone

VERSION = 1


def first_line(tenant_id: str, user_id: str | None, space: Space, inventory: Inventory, now: float) -> bytes:
    return _line(
        "memorybank-export",
        version=VERSION,
        exported_at=rfc3339_exact(now),
        tenant_id=tenant_id,
        user_id=user_id,
        space={"name": space.name, "dimension": space.dimension},
        counts=vars(inventory),
    )


def memory_lines(page: Iterable[Leaving]) -> bytes:
    return b"".join(line for leaving in page for line in _memory(leaving))


def rest_lines(rest: Iterable[MovedRest]) -> bytes:
    return b"".join(map(_rest, rest))


def last_line(counts: Mapping[str, int]) -> bytes:
    return _line("end", **counts)


def _memory(leaving: Leaving) -> Iterator[bytes]:
    memory, vector = leaving.moved.memory, leaving.moved.vector
    yield _line(
        "memory",
        id=memory.id,
        content=memory.content,
        user_id=memory.user_id or None,
        agent_id=memory.agent_id,
        run_id=memory.run_id,
        speaker=memory.speaker,
        created_at=rfc3339_exact(memory.created_at),
        stored_at=rfc3339_exact(memory.stored_at),
        updated_at=rfc3339_exact(memory.updated_at),
        metadata=memory.metadata,
        importance=memory.importance,
        pinned=memory.pinned,
        expires_at=_time(memory.expires_at),
        kind=memory.kind,
        source_ids=list(leaving.moved.sources),
        superseded_by=memory.superseded_by,
        added_by=memory.added_by,
        recalls=memory.recalls,
        recalled_at=_time(memory.recalled_at),
        decay_seconds=leaving.decay_seconds,
        vector=None if vector is None else base64.b64encode(vector).decode(),
    )
    for event in leaving.moved.events:
        yield _rest(
            MovedEvent(
                memory.user_id,
                event.memory_id,
                event.action,
                event.old_content,
                event.new_content,
                event.at,
                event.actor,
            )
        )


def _rest(moved: MovedRest) -> bytes:
    user_id = moved.user_id or None
    match moved:
        case MovedEvent():
            return _line(
                "event",
                user_id=user_id,
                memory_id=moved.memory_id,
                action=moved.action,
                old_content=moved.old_content,
                new_content=moved.new_content,
                at=rfc3339_exact(moved.at),
                actor=moved.actor,
            )
        case MovedTombstone():
            return _line("tombstone", user_id=user_id, digest=moved.digest.hex(), at=rfc3339_exact(moved.at))
        case MovedSummary():
            return _line(
                "summary",
                user_id=user_id,
                kind=moved.kind,
                day=moved.day,
                text=moved.text,
                source_ids=list(moved.sources),
                model=moved.model,
                made_at=rfc3339_exact(moved.made_at),
            )


def _line(kind: str, /, **fields: object) -> bytes:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339_exact(seconds)
