"""Work that outlives a restart: what waits, what runs, what came of it."""

import json
import sqlite3
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from memorybank_service.store import JobGoneError
from memorybank_service.store.memories import owner_of
from memorybank_service.store.records import Job, JobEnd, JobProgress, JobState, NewJob

_KEPT_SECONDS, _DEAD_KEPT_SECONDS = 7 * 86400.0, 30 * 86400.0
_COLUMNS = """
job.id, kind, arguments, (SELECT user_id FROM owner WHERE owner.owner = job.owner), state, attempts, due, progress,
result, error, created_at, updated_at
"""


def enqueue(connection: sqlite3.Connection, job: NewJob, now: float, place: int = 0) -> str:
    """The id of the job, or of the one of its key that waits already; one of its own id is the same one.

    `place`: among the jobs of one write, which are done in their order.
    """
    if job.id is not None and find(connection, job.id) is not None:
        return job.id
    if job.key is not None:
        waiting = connection.execute("SELECT id FROM job WHERE key = ? AND state = 'queued'", (job.key,)).fetchone()
        if waiting is not None:
            return str(waiting[0])
    job_id = job.id or str(uuid.uuid4())
    owner = None if job.user_id is None else owner_of(connection, job.user_id)
    connection.execute(
        "INSERT INTO job (id, kind, arguments, owner, key, state, due, created_at, updated_at) "
        "VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?7, ?8)",
        (job_id, job.kind, json.dumps(job.arguments), owner, job.key, job.due or now, now + place * 1e-6, now),
    )
    return job_id


def is_of_nobody_left(connection: sqlite3.Connection, job: NewJob) -> bool:
    """Whether its user was erased since somebody decided on it: it would outlive them."""
    return job.user_id is not None and owner_of(connection, job.user_id) is None


def given_up(connection: sqlite3.Connection, owner: int | None) -> int:
    return int(
        connection.execute("SELECT count(*) FROM job WHERE state = 'dead' AND owner = ?", (owner,)).fetchone()[0]
    )


def find(connection: sqlite3.Connection, job_id: str) -> Job | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM job WHERE id = ?", (job_id,)).fetchone()  # noqa: S608 - our names
    return None if row is None else _job(row)


def get(connection: sqlite3.Connection, job_id: str) -> Job:
    """Of one that there is."""
    found = find(connection, job_id)
    if found is None:
        raise JobGoneError(f"the job {job_id} is gone")
    return found


def listed(
    connection: sqlite3.Connection,
    state: JobState | None,
    kind: str | None,
    limit: int,
    after: tuple[float, str] | None,
) -> list[Job]:
    """The newest first; `after`: behind the one of this `created_at` and id."""
    created_at, job_id = (None, None) if after is None else after
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2) "  # noqa: S608
        "AND (?4 IS NULL OR created_at < ?4 OR created_at = ?4 AND id > ?5) ORDER BY created_at DESC, id LIMIT ?3",
        (state, kind, limit, created_at, job_id),
    )
    return [_job(row) for row in rows]


def waiting(connection: sqlite3.Connection, kind: str, user_id: str, now: float, limit: int) -> list[Job]:
    """Queued ones of a user that are due, the longest waiting first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE state = 'queued' AND due <= ? AND kind = ? AND owner = ? "  # noqa: S608
        "ORDER BY due, created_at LIMIT ?",
        (now, kind, owner_of(connection, user_id), limit),
    )
    return [_job(row) for row in rows]


def counted(connection: sqlite3.Connection) -> dict[tuple[str, JobState], int]:
    rows = connection.execute("SELECT kind, state, count(*) FROM job GROUP BY kind, state")
    return {(kind, state): count for kind, state, count in rows}


def take(connection: sqlite3.Connection, now: float, kinds: frozenset[str]) -> Job | None:
    """The one that has been due longest, of these kinds, now running.

    Whoever asks does one job of these kinds at a time: one that is said to run was broken off, and goes on first.
    """
    wanted = ", ".join("?" * len(kinds))
    row = connection.execute(
        "SELECT id FROM job WHERE (state = 'running' OR state = 'queued' AND due <= ?) "  # noqa: S608 - placeholders
        f"AND kind IN ({wanted}) ORDER BY state = 'queued', due, created_at LIMIT 1",
        (now, *sorted(kinds)),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE job SET state = 'running', attempts = attempts + 1, updated_at = ? WHERE id = ?", (now, row[0])
    )
    return find(connection, row[0])


def end(connection: sqlite3.Connection, ended: JobEnd, now: float) -> None:
    """Raises JobGoneError where it is not under way any more: what it wrote must not be kept then."""
    changed = connection.execute(
        "UPDATE job SET state = 'succeeded', result = ?, error = NULL, updated_at = ? "
        "WHERE id = ? AND state = 'running'",
        (json.dumps(ended.result), now, ended.job_id),
    )
    if changed.rowcount == 0:
        raise JobGoneError("the job is not under way any more")
    for job_id in ended.together:
        changed = connection.execute(
            "UPDATE job SET state = 'succeeded', result = ?, error = NULL, attempts = attempts + 1, updated_at = ? "
            "WHERE id = ? AND state = 'queued'",
            (json.dumps({"done_with": ended.job_id}), now, job_id),
        )
        if changed.rowcount == 0:
            raise JobGoneError("a job that was done along with it is not waiting any more")
    count_tokens(connection, ended.tokens, now)
    purge(connection, now)


def purge(connection: sqlite3.Connection, now: float) -> int:
    """How many ended long ago."""
    return connection.execute(
        "DELETE FROM job WHERE state IN ('succeeded', 'cancelled') AND updated_at < ?1 "
        "OR state = 'dead' AND updated_at < ?2",
        (now - _KEPT_SECONDS, now - _DEAD_KEPT_SECONDS),
    ).rowcount


def note_progress(connection: sqlite3.Connection, job_id: str, progress: Mapping[str, object], now: float) -> None:
    connection.execute("UPDATE job SET progress = ?, updated_at = ? WHERE id = ?", (json.dumps(progress), now, job_id))


def go_on(connection: sqlite3.Connection, progress: JobProgress, now: float) -> None:
    """Raises JobGoneError where it is not under way any more: what it wrote must not be kept then."""
    if (
        connection.execute("SELECT 1 FROM job WHERE id = ? AND state = 'running'", (progress.job_id,)).fetchone()
        is None
    ):
        raise JobGoneError("the job is not under way any more")
    note_progress(connection, progress.job_id, progress.figures, now)


def put_off(
    connection: sqlite3.Connection, job_id: str, due: float, error: str, now: float, *, counted: bool = True
) -> None:
    """To be tried again, unless another of its key waits already, which will do the same.

    `counted`: it has used up one of its attempts.
    """
    key = connection.execute("SELECT key FROM job WHERE id = ?", (job_id,)).fetchone()
    waiting = None
    if key is not None and key[0] is not None:
        waiting = connection.execute("SELECT id FROM job WHERE key = ? AND state = 'queued'", key).fetchone()
    state = "cancelled" if waiting is not None else "queued"
    connection.execute(
        "UPDATE job SET state = ?, due = ?, error = ?, updated_at = ?, attempts = attempts - ? "
        "WHERE id = ? AND state = 'running'",
        (state, due, error, now, 0 if counted else 1, job_id),
    )


def give_up(connection: sqlite3.Connection, job_id: str, error: str, now: float) -> None:
    connection.execute("UPDATE job SET state = 'dead', error = ?, updated_at = ? WHERE id = ?", (error, now, job_id))


def cancel(connection: sqlite3.Connection, job_id: str, now: float) -> bool:
    """Whether it was queued or running; a running one has to look for it."""
    changed = connection.execute(
        "UPDATE job SET state = 'cancelled', updated_at = ? WHERE id = ? AND state IN ('queued', 'running')",
        (now, job_id),
    )
    return changed.rowcount == 1


def retry(connection: sqlite3.Connection, job_id: str, now: float) -> bool:
    """Puts a dead or cancelled job back; False where it is in another state, or one of its key waits already."""
    changed = connection.execute(
        "UPDATE OR IGNORE job SET state = 'queued', attempts = 0, due = ?1, updated_at = ?1 "
        "WHERE id = ?2 AND state IN ('dead', 'cancelled')",
        (now, job_id),
    )
    return changed.rowcount == 1


def count_tokens(connection: sqlite3.Connection, tokens: int, now: float) -> None:
    if tokens:
        connection.execute(
            "INSERT INTO usage VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET tokens = tokens + excluded.tokens",
            (_day(now), tokens),
        )


def tokens_used(connection: sqlite3.Connection, now: float) -> int:
    """Of a language model, on this UTC day so far."""
    row = connection.execute("SELECT tokens FROM usage WHERE day = ?", (_day(now),)).fetchone()
    return 0 if row is None else int(row[0])


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _job(row: tuple[str, ...]) -> Job:
    job_id, kind, arguments, user_id, state, attempts, due, progress, result, error, created_at, updated_at = row
    return Job(
        job_id,
        kind,
        json.loads(arguments),
        user_id,
        state,  # type: ignore[arg-type]  # only we write it
        int(attempts),
        float(due),
        json.loads(progress),
        None if result is None else json.loads(result),
        error,
        float(created_at),
        float(updated_at),
    )
