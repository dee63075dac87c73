"""A service that is killed at random moments under write load, and a ledger of what it has acknowledged.

Each writer has memories of its own and one request at a time, so that at a kill at most one of its requests may or may
not have been done. What is there after the next start must be what the ledger says, and nothing else.
"""

import json
import random
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.words import counted
from tests.service.running import RunningService, running
from tests.service.store.indexing import entries, pending
from tests.service.waiting import until

WRITERS = 3
IMPORT_LINES = 24
_WORDS = [f"{a}{b}" for a in ("lisbon", "oboe", "train", "tea", "harbour") for b in ("", "s", "ing", "ed")]

Doubt = Callable[[Mapping[str, str]], None]
"""Settles what a request that was cut off has come to, from what is there: contents by id."""


@dataclass
class Ledger:
    """One writer's memories, contents by id, as far as they were acknowledged."""

    user_id: str
    known: dict[str, str] = field(default_factory=dict)
    doubt: Doubt | None = None
    repeated: tuple[str, str] | None = None
    """A request that was cut off: its Idempotency-Key and its content, to be sent again."""
    acknowledged: int = 0

    def settle(self, there: Mapping[str, str]) -> None:
        if self.doubt is not None:
            self.doubt(there)
            self.doubt = None
        assert dict(there) == self.known


class Writer:
    """Writes until the service is gone."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self._ledger, self._random = ledger, random.Random(seed)  # noqa: S311 - what to write next

    def run(self, client: httpx.Client) -> None:
        try:
            if self._ledger.repeated is not None:
                self._add_once(client, *self._ledger.repeated)
            while True:
                self._random.choices(
                    [self._add, self._add_batch, self._amend, self._delete, self._add_new_once], [5, 2, 3, 3, 3]
                )[0](client)
                self._ledger.acknowledged += 1
        except httpx.TransportError:
            return

    def _add(self, client: httpx.Client) -> None:
        memory_id, content = str(uuid.uuid4()), self._content()
        known, user_id = self._ledger.known, self._ledger.user_id

        def settle(there: Mapping[str, str]) -> None:
            if memory_id in there:
                known[memory_id] = content

        self._ledger.doubt = settle
        body = {"id": memory_id, "content": content, "user_id": user_id}
        self._done(client.post("/v1/memories", json=body), 201)
        known[memory_id] = content

    def _add_batch(self, client: httpx.Client) -> None:
        batch = {str(uuid.uuid4()): self._content() for _ in range(self._random.randint(2, 6))}
        known, user_id = self._ledger.known, self._ledger.user_id

        def settle(there: Mapping[str, str]) -> None:
            if batch.keys() & there.keys():  # all of them or none
                known.update(batch)

        self._ledger.doubt = settle
        memories = [{"id": one, "content": content, "user_id": user_id} for one, content in batch.items()]
        self._done(client.post("/v1/memories/batch", json={"memories": memories}), 201)
        known.update(batch)

    def _amend(self, client: httpx.Client) -> None:
        known = self._ledger.known
        if not known:
            return
        memory_id, content = self._random.choice(sorted(known)), self._content()

        def settle(there: Mapping[str, str]) -> None:
            if there.get(memory_id) == content:
                known[memory_id] = content

        self._ledger.doubt = settle
        self._done(client.patch(f"/v1/memories/{memory_id}", json={"content": content}), 200)
        known[memory_id] = content

    def _delete(self, client: httpx.Client) -> None:
        known = self._ledger.known
        if not known:
            return
        memory_id = self._random.choice(sorted(known))

        def settle(there: Mapping[str, str]) -> None:
            if memory_id not in there:
                known.pop(memory_id, None)

        self._ledger.doubt = settle
        self._done(client.delete(f"/v1/memories/{memory_id}"), 200)
        known.pop(memory_id)

    def _add_new_once(self, client: httpx.Client) -> None:
        self._add_once(client, str(uuid.uuid4()), self._content())

    def _add_once(self, client: httpx.Client, key: str, content: str) -> None:
        """Under an Idempotency-Key, which a request that was cut off is sent again with: done once, however often."""
        known = self._ledger.known

        def settle(there: Mapping[str, str]) -> None:
            found = {one: text for one, text in there.items() if text == content and one not in known}
            assert len(found) <= 1
            known.update(found)

        self._ledger.doubt, self._ledger.repeated = settle, (key, content)
        body = {"content": content, "user_id": self._ledger.user_id}
        answer = client.post("/v1/memories", json=body, headers={"Idempotency-Key": key})
        self._done(answer, 201)
        known[answer.json()["id"]] = content
        self._ledger.repeated = None

    def _done(self, answer: httpx.Response, status: int) -> None:
        assert answer.status_code == status, answer.text
        self._ledger.doubt = None

    def _content(self) -> str:
        return f"{uuid.uuid4().hex[:8]} " + " ".join(self._random.choices(_WORDS, k=self._random.randint(3, 12)))


class Importer:
    """Sends one upload a turn, whose job goes on after a kill."""

    USER = "importer"

    def __init__(self) -> None:
        self.jobs: dict[str, list[str]] = {}
        """The contents that each brings, by the job's id."""
        self.unsure: list[list[str]] = []
        """Of uploads that were cut off: all of it came, or nothing."""

    def run(self, client: httpx.Client) -> None:
        mark = uuid.uuid4().hex[:8]
        contents = [f"{mark} line {number}" for number in range(IMPORT_LINES)]
        body = "\n".join(json.dumps({"content": content, "user_id": self.USER}) for content in contents)
        self.unsure.append(contents)
        try:
            answer = client.post("/v1/import", content=body)
        except httpx.TransportError:
            return
        assert answer.status_code == 202, answer.text
        self.unsure.pop()
        self.jobs[answer.json()["id"]] = contents

    def check(self, client: httpx.Client) -> None:
        """Every import that was acknowledged ends, and what it brought is there once."""
        jobs: dict[str, dict[str, Any]] = {}

        def ended() -> bool:
            found = client.get("/v1/jobs", params={"kind": "import", "limit": 1000}).json()["results"]
            jobs.update({job["id"]: job for job in found})
            return all(job["state"] == "succeeded" for job in jobs.values())

        until(ended)
        assert self.jobs.keys() <= jobs.keys()
        there = Counter(contents(client, self.USER).values())
        for lines in self.jobs.values():
            assert [there[line] for line in lines] == [1] * IMPORT_LINES
        for lines in self.unsure:
            assert {there[line] for line in lines} in ({0}, {1})
        assert there.total() == IMPORT_LINES * len(jobs)


class Survival:
    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random = folder, random.Random(seed)  # noqa: S311 - when to kill
        self._ledgers = [Ledger(f"writer-{number}") for number in range(WRITERS)]
        self._importer = Importer()
        self._seed = seed
        self.kills = 0

    @property
    def acknowledged(self) -> int:
        return sum(ledger.acknowledged for ledger in self._ledgers)

    @property
    def imports(self) -> int:
        return len(self._importer.jobs)

    @property
    def memories(self) -> int:
        """Of the writers, as they were acknowledged."""
        return sum(len(ledger.known) for ledger in self._ledgers)

    @property
    def database(self) -> Path:
        return self._folder / "data" / "default"

    def turn(self) -> None:
        """Starts the service, compares what is there with the ledgers, writes, and kills it at a random moment."""
        with running(self._folder) as service:
            if self._random.random() < 0.15:  # while it opens
                service.client()
                threading.Event().wait(self._random.uniform(0, 0.3))
            else:
                self._compare(service)
                self._load(service)
            service.kill()
        self.kills += 1

    def finish(self) -> None:
        """A last start, an orderly end, and a look at the files."""
        with running(self._folder) as service:
            self._compare(service)
            self._importer.check(service.ready())
            assert service.end() == 0
        check_files(self.database)

    def _compare(self, service: RunningService) -> None:
        client = service.ready()
        for ledger in self._ledgers:
            ledger.settle(contents(client, ledger.user_id))

    def _load(self, service: RunningService) -> None:
        self._seed += 1
        writers = [Writer(ledger, self._seed * WRITERS + number) for number, ledger in enumerate(self._ledgers)]
        with ThreadPoolExecutor(WRITERS + 1) as threads:
            runs = [*(writer.run for writer in writers), self._importer.run]
            under_way = [threads.submit(run, service.ready()) for run in runs]
            threading.Event().wait(self._random.uniform(0.05, 1.2))
            service.kill()
        for writing in under_way:
            writing.result()


def contents(client: httpx.Client, user_id: str) -> dict[str, str]:
    """Of all memories of a user, by id."""
    found: dict[str, str] = {}
    query = {"user_id": user_id, "limit": "1000"}
    while True:
        page = client.get("/v1/memories", params=query).json()
        found |= {memory["id"]: memory["content"] for memory in page["results"]}
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


def check_files(directory: Path) -> None:
    """Words, vectors, counts and queues agree with the memories."""
    with closing(sqlite3.connect(directory / "memory.db")) as connection:
        ask = connection.execute
        assert ask("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert ask("PRAGMA foreign_key_check").fetchall() == []
        for seq, content in ask("SELECT seq, content FROM memory").fetchall():
            postings = dict(ask("SELECT term, count FROM posting WHERE seq = ?", (seq,)).fetchall())
            assert postings == dict(counted(content))
        assert ask("SELECT count(*) FROM posting WHERE seq NOT IN (SELECT seq FROM memory)").fetchone() == (0,)
        assert ask("SELECT seq FROM memory EXCEPT SELECT seq FROM vector").fetchall() == []
        assert ask("SELECT seq FROM vector EXCEPT SELECT seq FROM memory").fetchall() == []
        assert ask("SELECT count(*) FROM embed_pending").fetchone() == (0,)
        wrong = ask(
            "SELECT user_id FROM owner WHERE memories <> (SELECT count(*) FROM memory m WHERE m.owner = owner.owner) "
            "OR words <> (SELECT ifnull(sum(words), 0) FROM memory m WHERE m.owner = owner.owner)"
        )
        assert wrong.fetchall() == []
        assert ask("SELECT count(*) FROM job WHERE state IN ('queued', 'running')").fetchone() == (0,)
    assert list((directory / "imports").glob("*")) == []


def check_index(directory: Path, embedder: LocalEmbedder) -> None:
    """The index, filled again after the last kill, has an entry for each memory and finds it."""
    store = SqliteStore(directory, embedder.name, embedder.dimension, exact_limit=1)
    try:
        view = store.view(None)
        alive = view.roster.seq[view.roster.alive]

        def agrees() -> bool:
            store._index.call()
            return pending(directory) == 0 and entries(store) == len(alive)

        until(agrees)
        for seq, memory in store.fetch(alive[:: max(1, len(alive) // 50)].tolist()).items():
            [vector] = embedder.embed([memory.content])
            found = store._index.nearest(vector, None, 10)
            assert found is not None
            assert seq in found
    finally:
        store.close()
