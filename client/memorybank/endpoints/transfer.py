"""Everything out of a tenant and into one: newline-delimited JSON, streamed both ways. Needs the scope *admin*."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import IO

from memorybank.call import Call, Steps, itself
from memorybank.decode import as_
from memorybank.endpoints.work import wait_for_job
from memorybank.records import Job
from memorybank.shapes import Copy, LastLine, Stream
from memorybank.upload import Source, Upload, upload

PATIENCE_SECONDS = 300.0
"""How long the service may take between the last byte of an import and its answer, or to begin an export."""


def export(user_id: str | None = None) -> Stream:
    """All that is kept, of a user or (None) of the whole tenant, line by line as dicts that `import_` takes.

    Each has a `type`: first `memorybank-export`, which says how much to expect, then `memory`, with its vector and what
    is left of it, `event` and others, at last `end`. An export that breaks off is a `ConnectionFailedError`.
    """
    query = {"user_id": user_id}
    return Stream(
        Call("GET", "/v1/export", itself, query=query, patience=PATIENCE_SECONDS, streamed=True),
        lambda answer: LastLine("end"),
    )


def export_to(file: IO[bytes], user_id: str | None = None) -> Copy:
    """Writes an `export` to a file that is open for writing bytes, as it comes; returns how many they were."""
    return Copy(export(user_id), file)


def import_(
    source: Source | PathLike[str],
    *,
    wait: bool = True,
    timeout: float | None = None,
    on_look: Callable[[Job], object] | None = None,
    idempotency_key: str | None = None,
) -> Steps[Job]:
    """Takes in an export, or memories as `add` takes them, one a line: a path, a binary file, or dicts.

    Once they are on the tenant's disk, a job takes them in from there. With `wait` it is waited for, as `wait_for_job`
    does; its `result` counts what was `imported`, what was `unchanged` as it was there already and what was `refused`,
    with the first hundred `errors`. A line that is refused keeps no other out.

    What can be read only once (an iterator, a pipe) is not sent again where the connection breaks.
    """
    if isinstance(source, PathLike):
        with open(source, "rb") as file:
            job = yield from _send(upload(file), idempotency_key)
    else:
        job = yield from _send(upload(source), idempotency_key)
    return (yield from wait_for_job(job, timeout=timeout, on_look=on_look)) if wait else job


def _send(body: Upload, idempotency_key: str | None) -> Call[Job]:
    return Call(
        "POST",
        "/v1/import",
        as_(Job),
        upload=body,
        writes=True,
        idempotency_key=idempotency_key,
        patience=PATIENCE_SECONDS,
    )
