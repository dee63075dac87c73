"""Who there are memories of: users, agents, apps and runs. An app is a key of the metadata."""

from collections.abc import Mapping

from memorybank_service.store.readers import Readers
from memorybank_service.store.records import Entity, EntityKind

# A user's row has the name; the other kinds are columns of the memory itself.
_NAMED: Mapping[EntityKind, str] = {
    "user": "(SELECT user_id FROM owner WHERE owner.owner = memory.owner)",
    "agent": "agent_id",
    "app": "CASE json_type(metadata, '$.app_id') WHEN 'text' THEN json_extract(metadata, '$.app_id') END",
    "run": "run_id",
}
_ALL = " UNION ALL ".join(
    f"SELECT {place} AS place, '{kind}' AS kind, {named} AS name, count(*) AS memories, min(stored_at) AS first, "  # noqa: S608 - our own texts
    "max(updated_at) AS last FROM memory GROUP BY 3 HAVING name <> ''"
    for place, (kind, named) in enumerate(_NAMED.items())
)


class SqliteEntities:
    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def listed(self, limit: int, offset: int) -> list[Entity]:
        """Users first, then agents, apps and runs, each by name."""
        rows = self._readers.get().execute(
            f"SELECT kind, name, memories, first, last FROM ({_ALL}) ORDER BY place, name LIMIT ? OFFSET ?",  # noqa: S608
            (limit, offset),
        )
        return [Entity(*row) for row in rows]

    def counted(self) -> dict[EntityKind, int]:
        counts = dict(self._readers.get().execute(f"SELECT kind, count(*) FROM ({_ALL}) GROUP BY kind"))  # noqa: S608
        return {kind: counts.get(kind, 0) for kind in _NAMED}

    def superseded_by(self, memory_id: str) -> list[str]:
        """The ids of the facts whose place it took, at first or second hand."""
        rows = self._readers.get().execute(
            "WITH RECURSIVE older (id) AS ("
            "SELECT id FROM memory WHERE superseded_by = ?1 "
            "UNION SELECT memory.id FROM memory JOIN older ON memory.superseded_by = older.id"
            ") SELECT id FROM older WHERE id <> ?1",
            (memory_id,),
        )
        return [row[0] for row in rows]
