"""Changing, superseding and deleting memories, and what goes along with a write."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from memorybank_service.embedding.local import LocalEmbedder
from memorybank_service.store import (
    Along,
    Amendment,
    ConflictError,
    Job,
    JobEnd,
    NewJob,
    NewMemory,
    Receipt,
    StoreError,
)
from memorybank_service.store.people import Due
from memorybank_service.store.records import Vector
from memorybank_service.store.room import Room
from memorybank_service.store.schema import copy_before_migration
from memorybank_service.store.sqlite_store import SqliteStore
from memorybank_service.store.tombstones import digest_of
from memorybank_service.store.words import RULES, terms

Open = Callable[..., SqliteStore]


def vector(place: int) -> Vector:
    unit = np.zeros(384, np.float32)
    unit[place] = 1
    return unit


def turn(name: str, content: str, **given: object) -> NewMemory:
    return NewMemory(name, content, created_at=1.0, stored_at=1.0, **given)  # type: ignore[arg-type]


def words(store: SqliteStore, term: str) -> int:
    [posting] = store.view(None).postings(terms(term)).values()
    return len(posting.positions)


def test_the_same_words_under_the_same_id_are_stored_once(open_store: Open) -> None:
    store = open_store()
    [first] = store.add([turn("a", "Ada likes tea")]).result()
    [again] = store.add([turn("a", "Ada likes tea")]).result()
    assert (first.is_new, again.is_new) == (True, False)
    assert again.memory == first.memory
    with pytest.raises(ConflictError):
        store.add([turn("a", "Ada likes tea", user_id="ben")]).result()
    assert store.totals().memories == 1


def test_an_amended_memory_is_found_by_its_new_words_and_vector_only(open_store: Open) -> None:
    store = open_store()
    store.add([turn("a", "Ada likes tea", vector=vector(0))]).result()
    store.view(None)
    changed = store.amend("a", Amendment(content="Ada likes coffee", vector=vector(1)), 5.0).result()
    assert changed is not None
    assert (changed.content, changed.updated_at, changed.anchor) == ("Ada likes coffee", 5.0, 1.0)
    assert (words(store, "tea"), words(store, "coffee")) == (0, 1)
    view = store.view(None)
    assert (view.cosines(vector(1), np.array([0]))[0], view.roster.embedded[0]) == (1.0, True)
    [event] = store.history("a")
    assert (event.action, event.old_content, event.new_content) == ("UPDATE", "Ada likes tea", "Ada likes coffee")


def test_amending_what_is_not_there_changes_nothing(open_store: Open) -> None:
    assert open_store().amend("a", Amendment(pinned=True), 5.0).result() is None


def test_new_words_without_a_vector_wait_for_one(open_store: Open) -> None:
    store = open_store()
    store.add([turn("a", "Ada likes tea", vector=vector(0)), turn("b", "Ben likes tea")]).result()
    assert [memory.id for memory in store.pending_embeddings(10)] == ["b"]
    amended = store.amend("a", Amendment(content="Ada likes coffee"), 5.0).result()
    [a, b] = store.pending_embeddings(10)
    assert a == amended
    stale = {a.seq: (1.0, vector(0)), b.seq: (b.updated_at, vector(2))}
    assert store.set_vectors(stale, store.space).result() == 1
    assert store.set_vectors({a.seq: (a.updated_at, vector(1))}, "another/model").result() == 0
    assert [memory.id for memory in store.pending_embeddings(10)] == ["a"]
    assert store.set_vectors({a.seq: (a.updated_at, vector(1))}, store.space).result() == 1
    assert store.view(None).cosines(vector(1), np.array([0, 1])).tolist() == [1.0, 0.0]


def test_a_superseded_fact_stays_in_the_history_and_tells_what_took_its_place(open_store: Open) -> None:
    store = open_store()
    store.add([turn("a", "I live in Lisbon"), turn("old", "Ada lives in Lisbon", kind="fact", sources=["a"])]).result()
    store.add([turn("new", "Ada lives in Porto", kind="fact", sources=["a"], supersedes=["old"])]).result()
    old, new = store.find("old"), store.find("new")
    assert old is not None
    assert new is not None
    assert old.superseded_by == "new"
    assert store.sources(new.seq) == ["a"]
    assert [event.action for event in store.history("old")] == ["SUPERSEDE"]
    assert store.view(None).roster.superseded.tolist() == [False, True, False]
    restored = store.restore("old", 9.0).result()
    assert restored is not None
    assert (restored.superseded_by, restored.anchor) == (None, 9.0)


def test_another_user_s_fact_is_never_superseded(open_store: Open) -> None:
    store = open_store()
    store.add([turn("hers", "Ada lives in Lisbon", kind="fact", user_id="ada")]).result()
    store.add([turn("his", "Ben lives in Porto", kind="fact", user_id="ben", supersedes=["hers"])]).result()
    hers = store.find("hers")
    assert hers is not None
    assert hers.superseded_by is None


def test_what_was_made_of_a_deleted_memory_alone_goes_with_it(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.add([turn("a", "I live in Lisbon", user_id="ada"), turn("b", "I like tea", user_id="ada")]).result()
    store.add(
        [
            turn("of-a", "Ada lives in Lisbon", kind="fact", sources=["a"], user_id="ada"),
            turn("of-both", "Ada has tea in Lisbon", kind="fact", sources=["a", "b"], user_id="ada"),
        ]
    ).result()
    assert store.delete(["a", "unknown"], 5.0).result() == 1
    assert [store.find(name) is not None for name in ("a", "of-a", "of-both", "b")] == [False, False, True, True]
    assert store.tombstones("ada") == {digest_of("ada lives in LISBON!")}
    assert [event.action for event in store.history("a")] == ["ADD", "DELETE"]
    assert store.users() == [("ada", 2)]


def test_the_history_of_a_deleted_memory_keeps_none_of_its_words(open_store: Open) -> None:
    store = open_store()
    store.add([turn("a", "Ada likes tea")]).result()
    store.amend("a", Amendment(content="Ada likes coffee"), 2.0).result()
    store.delete(["a"], 3.0).result()
    events = store.history("a")
    assert [event.action for event in events] == ["ADD", "UPDATE", "DELETE"]
    assert {event.old_content for event in events} | {event.new_content for event in events} == {None}


def receipt(key: str, at: float = 1.0) -> Receipt:
    return Receipt("default", "POST /v1/memories", key, b"digest", at, 200, lambda added: f"{len(added)} stored")  # type: ignore[arg-type]


def test_a_job_and_the_answer_that_names_it_are_written_together_or_not_at_all(open_store: Open) -> None:
    store = open_store()
    named = replace(receipt("k1"), answer=lambda job: cast(Job, job).id)
    job = store.enqueue(NewJob("import"), 1.0, Along(receipt=named)).result()
    kept = store.reply("default", "POST /v1/memories", "k1", 2.0)
    assert kept is not None
    assert kept.body == job.id
    with pytest.raises(ConflictError):
        store.enqueue(NewJob("import"), 1.0, Along(receipt=named)).result()
    assert [one.id for one in store.jobs()] == [job.id]
    cancelled = replace(receipt("k2"), answer=lambda job: cast(Job, job).state)
    assert store.retry_job(job.id, 2.0, Along(receipt=cancelled)).result() is None
    assert store.reply("default", "POST /v1/memories", "k2", 2.0) is None
    store.cancel_job(job.id, 2.0, Along(receipt=cancelled)).result()
    kept = store.reply("default", "POST /v1/memories", "k2", 2.0)
    assert kept is not None
    assert kept.body == "cancelled"


def test_an_answer_is_kept_with_its_write_for_a_day(open_store: Open) -> None:
    store = open_store()
    store.add([turn("a", "one"), turn("b", "two")], Along(receipt=receipt("k1"))).result()
    kept = store.reply("default", "POST /v1/memories", "k1", 86_400.0)
    assert kept is not None
    assert (kept.body, kept.status, kept.digest) == ("2 stored", 200, b"digest")
    assert store.reply("default", "POST /v1/memories", "k1", 86_402.0) is None
    assert store.reply("another", "POST /v1/memories", "k1", 2.0) is None


def test_no_answer_is_kept_of_a_write_that_failed(open_store: Open) -> None:
    store = open_store()
    store.add([turn("a", "one")]).result()
    assert store.add([turn("a", "other")], Along(receipt=receipt("k1"))).exception() is not None
    assert store.reply("default", "POST /v1/memories", "k1", 2.0) is None


def test_a_job_is_committed_with_the_write_that_asks_for_it(open_store: Open) -> None:
    store = open_store()
    job = NewJob("extract", {"ids": ["a"]}, user_id="ada", key="extract-ada")
    store.add([turn("a", "one", user_id="ada")], Along(jobs=[job, job])).result()
    [waiting] = store.jobs()
    assert (waiting.kind, waiting.user_id, waiting.state, waiting.arguments) == (
        "extract",
        "ada",
        "queued",
        {"ids": ["a"]},
    )


def test_a_job_s_end_is_committed_with_what_it_wrote_and_its_tokens(open_store: Open) -> None:
    store = open_store()
    job_id = store.enqueue(NewJob("extract"), 1.0).result().id
    assert store.take_job(1.0, frozenset({"extract"})).result() is not None
    store.add([turn("f", "fact")], Along(ends=JobEnd(job_id, {"facts": 1}, tokens=12))).result()
    ended = store.job(job_id)
    assert ended is not None
    assert (ended.state, ended.result) == ("succeeded", {"facts": 1})
    assert store.tokens_used(2.0) == 12
    assert store.tokens_used(90_000.0) == 0


def test_jobs_are_taken_when_due_longest_first_and_a_broken_off_one_again(open_store: Open) -> None:
    store, kinds = open_store(), frozenset({"extract"})
    ids = [store.enqueue(NewJob("extract", due=due), 0.0).result().id for due in (30.0, 10.0, 20.0)]
    store.enqueue(NewJob("import"), 0.0).result()
    assert store.take_job(5.0, kinds).result() is None
    taken = store.take_job(25.0, kinds).result()
    assert taken is not None
    assert (taken.id, taken.attempts) == (ids[1], 1)
    store.close()
    reopened = open_store()
    again = reopened.take_job(25.0, kinds).result()
    assert again is not None
    assert (again.id, again.attempts) == (ids[1], 2)
    reopened.put_off_job(again.id, 60.0, "the provider is down", 26.0).result()
    following = reopened.take_job(26.0, kinds).result()
    assert following is not None
    assert following.id == ids[2]


def test_a_job_that_was_given_up_waits_for_a_retry(open_store: Open) -> None:
    store = open_store()
    job_id = store.enqueue(NewJob("extract"), 0.0).result().id
    store.take_job(1.0, frozenset({"extract"})).result()
    store.give_up_job(job_id, "the key was rejected", 2.0).result()
    assert [job.error for job in store.jobs(state="dead")] == ["the key was rejected"]
    assert store.take_job(100.0, frozenset({"extract"})).result() is None
    assert store.retry_job(job_id, 3.0).result()
    assert not store.retry_job(job_id, 3.0).result()
    assert store.cancel_job(job_id, 4.0).result()


SCHEMA_1 = """
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE owner (owner INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE, memories INTEGER NOT NULL DEFAULT 0,
    words INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE memory (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    owner INTEGER NOT NULL REFERENCES owner, agent_id TEXT, run_id TEXT, speaker TEXT, content TEXT NOT NULL,
    metadata TEXT NOT NULL, words INTEGER NOT NULL, created_at REAL NOT NULL, stored_at REAL NOT NULL,
    updated_at REAL NOT NULL, importance REAL NOT NULL DEFAULT 0.5, recalls INTEGER NOT NULL DEFAULT 0,
    anchor REAL NOT NULL, recalled_at REAL, pinned INTEGER NOT NULL DEFAULT 0, expires_at REAL, faded_at REAL) STRICT;
CREATE INDEX memory_of_owner ON memory (owner, seq);
CREATE INDEX memory_of_run ON memory (owner, run_id, seq) WHERE run_id IS NOT NULL;
CREATE INDEX memory_faded ON memory (faded_at) WHERE faded_at IS NOT NULL;
CREATE INDEX memory_created ON memory (created_at);
CREATE TABLE vector (seq INTEGER PRIMARY KEY REFERENCES memory, vector BLOB NOT NULL) STRICT;
CREATE TABLE posting (owner INTEGER NOT NULL, term TEXT NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (owner, term, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE index_pending (seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE pause (start REAL PRIMARY KEY, end REAL NOT NULL) STRICT;
INSERT INTO note VALUES ('embedding', '{embedding}'), ('word_rules', '0'), ('store_id', 's');
INSERT INTO owner VALUES (1, 'ada', 1, 3);
INSERT INTO memory (id, owner, content, metadata, words, created_at, stored_at, updated_at, anchor, recalls)
    VALUES ('a', 1, 'Ada likes tea', '{{"k": 1}}', 3, 1.0, 2.0, 2.0, 3.0, 4);
INSERT INTO posting VALUES (1, 'outdated', 1, 1);
PRAGMA user_version = 1;
"""


def test_a_store_of_the_first_schema_is_taken_over_with_everything_in_it(
    open_store: Open, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    path = tmp_path / "memory.db"
    with sqlite3.connect(path) as old:
        old.executescript(SCHEMA_1.format(embedding=embedder.name))
    old.close()
    store = open_store()
    memory = store.find("a")
    assert memory is not None
    assert (memory.content, memory.recalls, memory.anchor, memory.kind) == ("Ada likes tea", 4, 3.0, "turn")
    assert (words(store, "tea"), words(store, "outdated")) == (1, 0)
    assert [waiting.id for waiting in store.pending_embeddings(10)] == ["a"]
    assert store.people.due_of("ada", 10) == [Due("ada", "1970-01-01")]
    kept = sqlite3.connect(copy_before_migration(path, 1))
    assert kept.execute("PRAGMA user_version").fetchone() == (1,)
    assert kept.execute("SELECT content FROM memory").fetchall() == [("Ada likes tea",)]
    kept.close()


def test_a_store_of_the_second_schema_is_taken_over_and_no_fact_points_to_one_that_is_gone(
    open_store: Open, tmp_path: Path
) -> None:
    store = open_store()
    facts = [
        NewMemory(name, f"Ada lives in {name}.", 1.0, 1.0, "ada", kind="fact") for name in ("graz", "linz", "wels")
    ]
    store.add([facts[0], replace(facts[1], supersedes=("graz",)), replace(facts[2], supersedes=("linz",))]).result()
    store.close()
    with sqlite3.connect(tmp_path / "memory.db") as old:
        old.execute("UPDATE memory SET superseded_by = 'gone' WHERE id = 'graz'")
        old.execute("ALTER TABLE memory DROP COLUMN added_by")
        old.execute("DROP TABLE summary_due")
        old.execute("PRAGMA user_version = 2")
    old.close()
    store = open_store()
    found = {name: store.find(name) for name in ("graz", "linz", "wels")}
    assert [memory and (memory.superseded_by, memory.added_by) for memory in found.values()] == [
        ("", None),
        ("wels", None),
        (None, None),
    ]
    assert store.people.due_of("ada", 10) == [Due("ada", "1970-01-01")]


def test_words_of_a_store_are_indexed_by_the_rules_of_this_program(open_store: Open) -> None:
    store = open_store()
    texts = {"tea": "Ada likes tea", "cha": "我爱喝茶", "mao": "猫"}
    store.add([NewMemory(name, text, 1.0, 1.0, "ada") for name, text in texts.items()]).result()
    postings = "SELECT * FROM posting ORDER BY owner, term, seq"
    now = store._readers.get().execute(postings).fetchall()
    store.close()
    with sqlite3.connect(store._path) as old:
        old.execute("UPDATE note SET value = '2' WHERE name = 'word_rules'")
        old.execute("DELETE FROM posting WHERE length(term) = 1 AND term <> '猫'")
    old.close()
    store = open_store()
    assert store._readers.get().execute(postings).fetchall() == now
    assert (words(store, "茶"), store.note("word_rules")) == (1, str(RULES))
    store.delete(["cha"], 2.0).result()
    assert {row[1] for row in store._readers.get().execute(postings)} == {"ada", "lik", "tea", "猫"}


def test_a_store_whose_words_cannot_be_indexed_anew_on_a_full_volume_still_opens(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    store.add([NewMemory("cha", "我爱喝茶", 1.0, 1.0, "ada")]).result()
    store.close()
    with sqlite3.connect(store._path) as old:
        old.execute("UPDATE note SET value = '2' WHERE name = 'word_rules'")
    old.close()
    monkeypatch.setattr(Room, "left", False)
    store = open_store()
    assert (words(store, "喝茶"), store.note("word_rules")) == (1, "2")


def test_a_store_that_was_taken_over_has_the_tables_of_a_new_one(
    open_store: Open, tmp_path: Path, embedder: LocalEmbedder
) -> None:
    columns = "SELECT m.type, m.name, c.name, c.type, c.[notnull], c.dflt_value, c.pk FROM sqlite_master m, "
    columns += "pragma_table_xinfo(m.name) c ORDER BY 1, 2, 3"
    tables: list[object] = []
    for taken_over in (False, True):
        if taken_over:
            (tmp_path / "memory.db").unlink()
            with sqlite3.connect(tmp_path / "memory.db") as old:
                old.executescript(SCHEMA_1.format(embedding=embedder.name))
            old.close()
        store = open_store()
        connection = store._readers.get()
        names = connection.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2").fetchall()
        tables.append((names, connection.execute(columns).fetchall()))
        store.close()
    assert tables[0] == tables[1]


def test_a_store_of_a_newer_schema_is_left_alone(open_store: Open, tmp_path: Path) -> None:
    open_store().close()
    with sqlite3.connect(tmp_path / "memory.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreError, match="newer version"):
        open_store()
