"""Facts out of a conversation, as operations on the facts that are known: add one, or put one in another's place.

A model proposes; what becomes of it is decided here. A fact is kept only if it is made of new words that exist, says
nothing that is known, was said by somebody, and was not deleted before by the person it is about. What an assistant
only repeats of what it was reminded of is nothing new, in whatever words. Nothing is ever deleted by a model: what no
longer holds is superseded, and stays in the history.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from memorybank_service.llm import LanguageModel, Message, Schema
from memorybank_service.memory import answers
from memorybank_service.memory.conversation import (
    ASSISTANT,
    DATA_RULES,
    Utterance,
    aliases,
    data,
    language_of,
    new_words,
    portions,
    shortened,
    spoken,
)
from memorybank_service.memory.extraction_prompts import INSTRUCTIONS
from memorybank_service.store.tombstones import digest_of
from memorybank_service.store.words import query_terms

MOST_FACTS = 20
"""From one portion of a conversation."""
LONGEST_FACT = 500
KNOWN_FACTS, RECALLED_TEXTS = 40, 20
"""At most in one prompt, the most relevant first."""
SHOWN_TOKENS = 150
"""Of each of these."""
ANSWER_TOKENS = 4_000
"""What a model thinks before it answers counts too."""
SECONDS = 120.0
CATEGORIES = ("person", "preference", "relationship", "plan", "event", "work", "health", "other")
_STEM = 4
_HEARD = 6
"""Of what was said before, so many at most."""

SCHEMA: Schema = answers.object_schema(
    operations=answers.list_schema(
        answers.object_schema(
            action=answers.choice_schema("add", "supersede"),
            replaces=answers.TEXT,
            text=answers.TEXT,
            sources=answers.list_schema(answers.TEXT),
            importance=answers.NUMBER,
            category=answers.choice_schema(*CATEGORIES),
        )
    )
)


@dataclass(frozen=True)
class KnownFact:
    id: str
    text: str


@dataclass(frozen=True)
class NewFact:
    text: str
    source_ids: tuple[str, ...]
    """Of the memories whose words it was made of; never empty."""
    importance: float
    """From 0 to 1."""
    category: str
    said_at: float
    """When the last of its sources was said."""
    supersedes: str | None = None
    """The id of the known fact whose place it takes."""


@dataclass(frozen=True)
class Extraction:
    facts: tuple[NewFact, ...]
    model: str
    tokens: int
    dropped: int
    """How many of the proposed facts did not hold."""


async def extract(
    model: LanguageModel,
    conversation: Sequence[Utterance],
    existing: Sequence[KnownFact] = (),
    tombstones: Set[bytes] = frozenset(),
    *,
    before: Sequence[Utterance] = (),
    recalled: Sequence[str] = (),
    user: str | None = None,
) -> Extraction:
    """The facts in what was newly said.

    `before`: what had been said then, of which no facts are made any more. `existing`: the related facts of the same
    user, the most related first. `recalled`: what the assistant may have been reminded of; what was stored with it in
    it may contain its `<memories>` block too, which is left out. `tombstones`: digests of the user's
    deleted facts. `user`: how to call the person. Raises ProviderError.
    """
    utterances, heard = new_words(conversation), new_words(before)
    known = {*tombstones, *map(digest_of, recalled), *(digest_of(fact.text) for fact in existing)}
    facts: list[NewFact] = []
    tokens = dropped = 0
    for portion in portions(utterances):
        replaced = {fact.supersedes for fact in facts}
        shown = [fact for fact in existing if fact.id not in replaced][:KNOWN_FACTS]
        completion = await model.complete(
            prompt(portion, shown, recalled[:RECALLED_TEXTS], user, heard),
            max_tokens=ANSWER_TOKENS,
            json_schema=SCHEMA,
            timeout=SECONDS,
        )
        tokens += completion.tokens
        proposed = answers.read_list(answers.read_object(completion.text), "operations", MOST_FACTS)
        held = accept(proposed, portion, shown, known, heard, recalled)
        heard = portion[-_HEARD:]
        known |= {digest_of(fact.text) for fact in held}
        dropped += len(proposed) - len(held)
        facts += held
    return Extraction(tuple(facts), model.name, tokens, dropped)


def prompt(
    utterances: Sequence[Utterance],
    existing: Sequence[KnownFact],
    recalled: Sequence[str],
    user: str | None,
    before: Sequence[Utterance] = (),
) -> list[Message]:
    language = language_of(utterance.text for utterance in utterances)
    instructions = INSTRUCTIONS[language]
    parts = []
    if existing:
        facts = zip(aliases("f", [fact.id for fact in existing]), existing, strict=True)
        lines = ({"id": alias, "fact": shortened(fact.text, SHOWN_TOKENS)} for alias, fact in facts)
        parts += [instructions.known, data(lines)]
    if recalled:
        parts += [instructions.recalled, data({"known": shortened(text, SHOWN_TOKENS)} for text in recalled)]
    if user:
        parts += [instructions.person, data([{"name": shortened(user, SHOWN_TOKENS)}])]
    if before:
        said = [replace(one, text=shortened(one.text, SHOWN_TOKENS)) for one in before[-_HEARD:]]
        parts += [instructions.before, spoken(said, named=False)]
    parts += [instructions.conversation, spoken(utterances)]
    system = instructions.task.format(most=MOST_FACTS, longest=LONGEST_FACT, categories=", ".join(CATEGORIES))
    return [Message("system", f"{system}\n\n{DATA_RULES[language]}"), Message("user", "\n".join(parts))]


def accept(
    proposed: Iterable[Mapping[str, Any]],
    utterances: Sequence[Utterance],
    existing: Sequence[KnownFact],
    known: Set[bytes],
    before: Sequence[Utterance] = (),
    recalled: Sequence[str] = (),
) -> list[NewFact]:
    """What of a model's proposals holds. `existing`: as shown; `known`: digests of what is, or must not come back."""
    sources = aliases("m", [utterance.id for utterance in utterances])
    replaceable = aliases("f", [fact.id for fact in existing])
    places = {utterance.id: place for place, utterance in enumerate(utterances)}
    taken, replaced = set(known), set[str]()
    facts: list[NewFact] = []
    for entry in proposed:
        text = answers.text_in(entry, "text", LONGEST_FACT)
        source_ids = answers.ids_in(entry, "sources", sources)
        if text is None or not source_ids or entry.get("action") not in ("add", "supersede"):
            continue
        old = replaceable.get(str(entry.get("replaces"))) if entry["action"] == "supersede" else None
        digest = digest_of(text)
        spoken_places = [places[one] for one in source_ids]
        if digest in taken or old in replaced or not is_grounded(text, spoken_places, utterances, before):
            continue
        sources_of_it = [utterances[place] for place in spoken_places]
        if {one.speaker for one in sources_of_it} == {ASSISTANT} and repeats(text, sources_of_it, recalled):
            continue
        taken.add(digest)
        if old is not None:
            replaced.add(old)
        category = entry.get("category")
        facts.append(
            NewFact(
                text=text,
                source_ids=source_ids,
                importance=answers.share_in(entry, "importance", 0.5),
                category=category if category in CATEGORIES else "other",
                said_at=max(utterances[place].said_at for place in spoken_places),
                supersedes=old,
            )
        )
    return facts


def is_grounded(
    text: str, places: Iterable[int], utterances: Sequence[Utterance], before: Sequence[Utterance] = ()
) -> bool:
    """Whether the fact shares a word with what it is said to be made of, or with what that answers.

    Little is asked, since facts put things in other words; what a model makes up out of nothing fails it. The names of
    those who speak do not count: every fact about them has those.
    """
    everything = [*before, *utterances]
    spoken_at = (place + len(before) for place in places)
    shown = {place - back for place in spoken_at for back in range(3) if place >= back}
    heard = _stems(everything[place].text for place in shown)
    names = _stems(utterance.speaker or "" for utterance in everything)
    return not heard.isdisjoint(_stems([text]) - names)


def repeats(text: str, said: Iterable[Utterance], recalled: Iterable[str]) -> bool:
    """Whether all that a fact took from what was said stands in one of these: the rest is how it calls people."""
    taken = _stems([text]) & _stems(one.text for one in said)
    return bool(taken) and any(taken <= _stems([one]) for one in recalled)


def _stems(texts: Iterable[str]) -> set[str]:
    return {term[:_STEM] for text in texts for term in query_terms(text)}
