"""What of an upload is written in one commit: read, given its vectors, and made memories of here."""

from collections.abc import Sequence
from dataclasses import dataclass

from memorybank_service.embedding.texts import embedded_text
from memorybank_service.memory.footing import Footing
from memorybank_service.memory.import_rows import (
    ImportRow,
    arrival_of,
    arrival_of_draft,
    draft_of,
    read_row,
    rest_of,
    vector_of,
)
from memorybank_service.memory.keeping import Draft
from memorybank_service.store import Job, Vector
from memorybank_service.store.moved import Moved

_ROWS, _BYTES = 384, 4 << 20


@dataclass(frozen=True)
class Batch:
    rows: Sequence[ImportRow]
    end: int
    """Where in the file the next one begins."""
    erasures: int
    """How many there had been when it was read."""
    space: str | None
    """What the vectors behind it were made by."""
    moved: Sequence[tuple[ImportRow, Moved]] = ()
    drafts: Sequence[Draft] = ()
    """Those among them that were no memories before."""


@dataclass(frozen=True)
class _Read:
    rows: list[ImportRow]
    spaces: list[str | None]
    """For each row, what its vector was made by."""
    end: int
    space: str | None


class Preparing:
    def __init__(self, footing: Footing) -> None:
        self._on = footing

    async def batch(self, job: Job, start: int, space: str | None) -> Batch:
        """From the byte `start` of the upload on; without rows at its end. Raises FileNotFoundError."""
        erasures = self._on.store.erasures.count
        got = await self._on.read(self._read, job.id, start, space)
        drafts = {place: draft_of(row, job.id) for place, row in enumerate(got.rows) if row.kind == "draft"}
        vectors = await self._vectors(got, drafts)
        moved = await self._on.read(self._moved, got.rows, drafts, vectors, job.arguments.get("actor"))
        return Batch(got.rows, got.end, erasures, got.space, moved, list(drafts.values()))

    def _read(self, job_id: str, start: int, space: str | None) -> _Read:
        got = _Read([], [], start, space)
        end = start
        for line in self._on.store.spool.lines(job_id, start):
            row, end = read_row(line), line.end
            if row.kind == "space":
                space = row.fields["name"]
            got.rows.append(row)
            got.spaces.append(space)
            if len(got.rows) == _ROWS or end - start > _BYTES:
                break
        return _Read(got.rows, got.spaces, end, space)

    async def _vectors(self, got: _Read, drafts: dict[int, Draft]) -> dict[int, Vector | None]:
        """By the row's place: those that came along and fit, and new ones for the others."""
        current = self._on.store.spaces.current
        vectors: dict[int, Vector | None] = {}
        texts: dict[int, str] = {}
        for place, (row, space) in enumerate(zip(got.rows, got.spaces, strict=True)):
            if row.kind == "memory" and space == current.name:
                vectors[place] = vector_of(row, current.dimension)
            if row.kind in ("memory", "draft") and vectors.get(place) is None:
                texts[place] = embedded_text(row.fields["content"], row.fields["speaker"])
        made = await self._on.vectors.for_writing(list(texts.values()))
        return vectors | dict(zip(texts, made, strict=True))

    def _moved(
        self,
        rows: Sequence[ImportRow],
        drafts: dict[int, Draft],
        vectors: dict[int, Vector | None],
        actor: object,
    ) -> list[tuple[ImportRow, Moved]]:
        now, pauses = self._on.now(), self._on.alive.pauses()
        moved: list[tuple[ImportRow, Moved]] = []
        for place, row in enumerate(rows):
            if row.kind == "draft":
                moved.append(
                    (row, arrival_of_draft(drafts[place], now, vectors[place], None if actor is None else str(actor)))
                )
            elif row.kind == "memory":
                moved.append((row, arrival_of(row, now, pauses, vectors[place])))
            elif row.kind in ("event", "tombstone", "summary"):
                moved.append((row, rest_of(row)))
        return moved
