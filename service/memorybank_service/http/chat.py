"""A chat with what is remembered: recall, ask the model, store what both said.

The user's words are stored before the model is asked: whatever becomes of its answer, they are not lost.
"""

import json
import logging
import uuid
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.completions.remembering import CONTEXT_TOKENS, INTRODUCTION
from memorybank_service.http.degraded import degraded_header, may_be_degraded
from memorybank_service.http.fields import Metadata, Text, shown_as
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.legacy import RetrievedMemory, retrieved, user_metadata
from memorybank_service.http.openapi import problems
from memorybank_service.llm import Message
from memorybank_service.memory.context import build_context
from memorybank_service.memory.keeping import Draft
from memorybank_service.memory.recalling import Search
from memorybank_service.store import NO_USER, Along, Scope, StoreError

log = logging.getLogger(__name__)
router = APIRouter(tags=["MemoryBank"])
SECONDS = 120.0
ANSWER_TOKENS = 4_000
"""What a model thinks before it answers counts too."""
_CANDIDATES = 30
_LEAST_SIMILARITY = 0.2
_SYSTEM = "You are an attentive companion who remembers earlier conversations with the user."
_NAMESPACE = uuid.UUID("0b6d3c0e-41c4-4c55-8ab0-7a8f5f4f7b52")


class Turn(BaseModel):
    role: Literal["user", "assistant"]
    content: Text


class ChatRequest(BaseModel):
    query: Text = Field(examples=["What shall I drink with the cake?"])
    context: Text | Annotated[list[Turn], Field(max_length=100)] | None = Field(
        None, description="What was said just before, as turns or as a text; it is shown to the model and not stored."
    )
    model: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="Another model of the configured provider."
    )
    system_prompt: Text | None = Field(None, description="Instead of our own words on how to answer.")
    metadata: Metadata | None = Field(None, examples=[{"user_id": "ada", "session_id": "s1"}])


class ChatAnswer(BaseModel):
    model_config = shown_as(
        response="Lapsang souchong goes well with it: your favourite.",
        model_used="claude/claude-sonnet-4-5",
        memories_used=[
            {
                "memory_id": "0b9e1f0c-6a35-4c52-9d0b-6a0c6a1f6c0e",
                "content": "Ada's favourite tea is lapsang souchong.",
                "timestamp": "2027-01-15T08:00:00.000Z",
                "score": 1.42,
                "metadata": {"user_id": "ada"},
                "importance": 0.5,
                "access_count": 2,
            }
        ],
    )

    response: str
    model_used: str = Field(description="As `provider/model`.")
    memories_used: list[RetrievedMemory] = Field(description="What the model was told of, the best first.")


@router.post(
    "/chat",
    operation_id="chat",
    responses=problems(400, 409, 413, 415, 422, 507) | may_be_degraded(),
    dependencies=[Depends(require("write"))],
    response_model=ChatAnswer,
)
async def chat(
    body: ChatRequest, request: Request, bank: Bank, background: BackgroundTasks, once: OnceOnly
) -> Response:
    """Answers with what is remembered of `metadata.user_id`; without a model 503, and the words are stored."""
    given = body.metadata or {}
    user, run = given.get("user_id") or NO_USER, given.get("session_id")
    told: list[ChatAnswer] = []
    degraded: list[str] = []

    def draft(words: str, speaker: str, actor: str | None) -> Draft:
        """The same again under one Idempotency-Key is the same memory: the model may have failed at the first try."""
        place = json.dumps([actor, once.key, speaker, words, given], sort_keys=True)
        memory_id = None if once.key is None else str(uuid.uuid5(_NAMESPACE, place))
        return Draft(words, user, run_id=run, speaker=speaker, metadata=user_metadata(given), id=memory_id)

    async def converse(along: Along) -> None:
        found = await bank.recall.search(Search(body.query, Scope(user), _CANDIDATES, threshold=_LEAST_SIMILARITY))
        degraded.extend(found.degraded)
        context = build_context([one.memory for one in found.recollections], CONTEXT_TOKENS)
        used = [found.recollections[place] for place in sorted(context.chosen)]
        await bank.memories.add([draft(body.query, "user", along.actor)], replace(along, receipt=None))
        model = tenant_of(request).language_model(body.model)
        asked = _messages(body, await bank.people.manner(user), context.text)
        completion = await model.complete(asked, max_tokens=ANSWER_TOKENS, timeout=SECONDS)
        words, shown = completion.text.strip(), [retrieved(one) for one in used]
        told.append(ChatAnswer(response=words, model_used=completion.model, memories_used=shown))
        try:
            await bank.memories.add([draft(words, "assistant", along.actor)], along)
        except StoreError as error:  # it was given and is paid for; the user gets it
            log.error("an answer was not remembered", extra={"error": str(error)})
        background.add_task(bank.recall.record_recalls, used)

    answer = await once(bank, converse, lambda _: told[-1].model_dump_json())
    answer.headers.update(degraded_header(degraded))
    return answer


def _messages(body: ChatRequest, manner: str, recalled: str) -> list[Message]:
    system = body.system_prompt or _SYSTEM
    if manner:
        system = f"{system}\n\n{manner}"
    if recalled:
        system = f"{system}\n\n{INTRODUCTION}{recalled}"
    before = body.context
    if isinstance(before, str):
        system = f"{system}\n\nWhat was said just before:\n{before}"
    turns = before if isinstance(before, list) else []
    told = [Message(turn.role, turn.content) for turn in turns]
    return [Message("system", system), *told, Message("user", body.query)]
