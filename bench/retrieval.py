"""Whether what answers a question is found: LoCoMo's conversations through HTTP, no model call, the local embedding.

`LOCOMO=FILE [LOCOMO_CONVERSATIONS=conv-26,conv-30] python -m bench retrieval`, with the file that its authors publish
(Maharana et al. 2024; for non-commercial use, so it is not in the repository). Every turn is a memory and every session
a run; questions of categories 1 to 4 that name their evidence are searched under the conversation's user. Beside it
plain Chroma: the same embedding of each turn with its speaker and date written out before it, and its own search.

- R@k: the share of a question's evidence among the first k results, the mean of all questions.
- nDCG@10: of binary relevance, the ideal order being all evidence first.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import chromadb
import httpx
from chromadb.config import Settings

from bench.footprint import local_embedder
from bench.results import keep
from tests.service.running import running

VARIABLE, CONVERSATIONS = "LOCOMO", "LOCOMO_CONVERSATIONS"
_CATEGORIES = (1, 2, 3, 4)  # those of 5 ask for what was never said
_TOP = 10
_TURN = re.compile(r"D\d+:\d+")


@dataclass(frozen=True)
class Turn:
    id: str
    speaker: str
    session: str
    said_at: datetime
    text: str


@dataclass(frozen=True)
class Question:
    text: str
    evidence: frozenset[str]


@dataclass(frozen=True)
class Conversation:
    name: str
    turns: Sequence[Turn]
    questions: Sequence[Question]


Find = Callable[[str], list[str]]
"""The ids of the turns that a question finds, best first."""


def run() -> str:
    if VARIABLE not in os.environ:
        return f"retrieval: left out, as {VARIABLE} names no file of LoCoMo's conversations"
    conversations = _read(Path(os.environ[VARIABLE]))
    with tempfile.TemporaryDirectory(prefix="memorybank-bench-") as folder, running(Path(folder)) as service:
        client = service.ready()
        ours = _scores([(one, _remembered(client, one)) for one in conversations])
    theirs = _scores([(one, _in_chroma(one)) for one in conversations])
    keep(
        "retrieval",
        {
            "conversations": [one.name for one in conversations],
            "turns": sum(len(one.turns) for one in conversations),
            "questions": sum(len(one.questions) for one in conversations),
            "percent": {"memorybank_over_http": ours, "plain_chroma": theirs},
        },
    )
    return "\n".join(
        [
            f"{'Found, percent':14} {'R@5':>7} {'R@10':>7} {'nDCG@10':>8}",
            *(
                f"  {name:12} {row['recall_at_5']:>7} {row['recall_at_10']:>7} {row['ndcg_at_10']:>8}"
                for name, row in (("MemoryBank", ours), ("plain Chroma", theirs))
            ),
        ]
    )


def _read(file: Path) -> list[Conversation]:
    wanted = {name for name in os.environ.get(CONVERSATIONS, "").split(",") if name}
    return [_conversation(one) for one in json.loads(file.read_text()) if not wanted or str(one["sample_id"]) in wanted]


def _conversation(published: dict[str, Any]) -> Conversation:
    sessions, turns = published["conversation"], []
    names = sorted((name for name in sessions if re.fullmatch(r"session_\d+", name)), key=lambda name: int(name[8:]))
    for name in names:
        said_at = datetime.strptime(sessions[f"{name}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for turn in sessions[name]:
            picture = f" (shared {turn['blip_caption']})" if turn.get("blip_caption") else ""
            turns.append(Turn(turn["dia_id"], turn["speaker"], name, said_at, turn["text"] + picture))
    said = {turn.id for turn in turns}
    questions = [
        Question(asked["question"], frozenset(_TURN.findall(str(asked.get("evidence")))) & said)
        for asked in published["qa"]
        if asked["category"] in _CATEGORIES
    ]
    return Conversation(str(published["sample_id"]), turns, [question for question in questions if question.evidence])


def _remembered(client: httpx.Client, conversation: Conversation) -> Find:
    memories = [
        {
            "content": turn.text,
            "user_id": conversation.name,
            "run_id": turn.session,
            "speaker": turn.speaker,
            "created_at": turn.said_at.isoformat(),
            "metadata": {"turn": turn.id},
        }
        for turn in conversation.turns
    ]
    for start in range(0, len(memories), 100):
        client.post("/v1/memories/batch", json={"memories": memories[start : start + 100]}).raise_for_status()

    def find(question: str) -> list[str]:
        asked = {"query": question, "user_id": conversation.name, "top_k": _TOP, "reinforce": False}
        answer = client.post("/v1/search", json=asked).raise_for_status()
        return [str(found["metadata"]["turn"]) for found in answer.json()["results"]]

    return find


def _in_chroma(conversation: Conversation) -> Find:
    embedder = local_embedder()
    collection = chromadb.EphemeralClient(Settings(anonymized_telemetry=False)).create_collection(
        conversation.name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    texts = [f'({turn.said_at:%d %B %Y}) {turn.speaker} said, "{turn.text}"' for turn in conversation.turns]
    collection.add(ids=[turn.id for turn in conversation.turns], embeddings=[*embedder.embed(texts)])

    def find(question: str) -> list[str]:
        [ids] = collection.query(query_embeddings=[*embedder.embed([question])], n_results=_TOP, include=[])["ids"]
        return list(ids)

    return find


def _scores(searched: Sequence[tuple[Conversation, Find]]) -> dict[str, float]:
    rows = [_score(find(question.text), question.evidence) for one, find in searched for question in one.questions]
    return {name: round(100 * sum(row[name] for row in rows) / len(rows), 2) for name in rows[0]}


def _score(found: Sequence[str], evidence: Collection[str]) -> dict[str, float]:
    def recall(count: int) -> float:
        return len({*found[:count]} & {*evidence}) / len(evidence)

    gain = sum(1 / math.log2(place + 2) for place, turn in enumerate(found[:_TOP]) if turn in evidence)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(evidence), _TOP)))
    return {"recall_at_5": recall(5), "recall_at_10": recall(10), "ndcg_at_10": gain / ideal}
