"""Summaries of what was said: of each day its events and emotions, and of the days one whole.

(Zhong et al., "MemoryBank: Enhancing Large Language Models with Long-Term Memory", AAAI 2024, section "Memory Storage":
hierarchical event summaries.) A sentence of a day that names nothing it came from is left out. A summary names every
memory that its model has read, whether or not it used it: when one of them is deleted, so is the summary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memorybank_service.llm import Completion, LanguageModel, Message, Schema
from memorybank_service.llm.errors import BadAnswerError
from memorybank_service.llm.tokens import estimate_tokens
from memorybank_service.memory import answers
from memorybank_service.memory.conversation import (
    DATA_RULES,
    Language,
    Utterance,
    aliases,
    data,
    language_of,
    new_words,
    portions,
    spoken,
)

MOST_SENTENCES = 12
"""Of a day."""
LONGEST_SENTENCE = 400
LONGEST_WHOLE = 3_000
WHOLE_TOKENS = 8_000
"""Of summaries that are read at once; more are summed up in groups first."""
ANSWER_TOKENS = 3_000
"""What a model thinks before it answers counts too."""
SECONDS = 120.0

_SENTENCES: Schema = answers.object_schema(
    sentences=answers.list_schema(answers.object_schema(text=answers.TEXT, sources=answers.list_schema(answers.TEXT)))
)
_WHOLE: Schema = answers.object_schema(summary=answers.TEXT)

_OF_A_DAY: Mapping[Language, str] = {
    "en": (
        "Summarise what was said in a conversation on one day: first the events and what matters about them, then the "
        "feelings that showed and what caused them. Say who did, said or felt what, with names instead of pronouns and "
        'dates instead of words such as "tomorrow". Add nothing that was not said. At most {most} sentences, each of '
        'at most {longest} characters, each with the ids of the lines that it comes from.\n\nForm: {{"sentences": '
        '[{{"text": "...", "sources": ["m1", "m2"]}}]}}'
    ),
    "zh": (
        "请总结某一天的一段对话：先写事件及其关键信息，再写流露出的情绪及其原因。写明是谁做了、说了或感受到什么，"
        "用姓名代替代词，用具体日期代替“明天”之类的词。不要添加没有说过的内容。"
        "最多 {most} 句，每句最多 {longest} 个字符，"
        '并给出其所依据的各行的 id。\n\n格式：{{"sentences": [{{"text": "……", "sources": ["m1", "m2"]}}]}}'
    ),
}
_OF_ALL: Mapping[Language, str] = {
    "en": (
        "These are summaries of what a user and an assistant spoke about, each with the time it is of. Summarise them "
        "to one, as concise as possible: what happened in the user's life, what holds now, what mattered to the user "
        "and how it felt. Where they contradict each other, the later one holds. Add nothing. At most {longest} "
        'characters.\n\nForm: {{"summary": "..."}}'
    ),
    "zh": (
        "以下是用户与助手谈话的若干总结，每条都注明了时间。请把它们尽可能简洁地概括成一段：用户生活中发生了什么，"
        "现在的情况如何，什么对用户重要，用户的感受如何。相互矛盾时以较晚的为准。不要添加任何内容。"
        "最多 {longest} 个字符。"
        '\n\n格式：{{"summary": "……"}}'
    ),
}


@dataclass(frozen=True)
class Summary:
    text: str
    source_ids: tuple[str, ...]
    """Of all the memories that were read for it, in the order in which they were said."""
    model: str
    tokens: int
    day: str | None = None
    """As `2027-01-15`; None: of all days."""


@dataclass(frozen=True)
class Piece:
    """A text about the days from `first` to `last`."""

    first: str
    last: str
    text: str


async def summarise_day(model: LanguageModel, day: str, conversation: Sequence[Utterance]) -> Summary | None:
    """What was said to or by one user on that day; None where nothing of it is worth a sentence.

    Raises ProviderError.
    """
    pieces, tokens = await read_day(model, _OF_A_DAY, day, conversation)
    if not pieces:
        return None
    text, more = await one_of(model, _OF_ALL, pieces)
    read = tuple(utterance.id for utterance in new_words(conversation))
    return Summary(text, read, model.name, tokens + more, day)


async def summarise_all(model: LanguageModel, summaries: Sequence[Summary]) -> Summary | None:
    """One of the daily summaries of a user, the oldest first; None where there are none. Raises ProviderError."""
    if not summaries:
        return None
    pieces = [Piece(summary.day or "", summary.day or "", summary.text) for summary in summaries]
    text, tokens = await one_of(model, _OF_ALL, pieces)
    sources = dict.fromkeys(one for summary in summaries for one in summary.source_ids)
    return Summary(text, tuple(sources), model.name, tokens)


async def read_day(
    model: LanguageModel, task: Mapping[Language, str], day: str, conversation: Sequence[Utterance]
) -> tuple[list[Piece], int]:
    """What a model makes of each portion of a conversation, and the tokens it took: sentences that name a source."""
    pieces: list[Piece] = []
    tokens = 0
    for portion in portions(new_words(conversation)):
        language = language_of(utterance.text for utterance in portion)
        system = task[language].format(most=MOST_SENTENCES, longest=LONGEST_SENTENCE)
        completion = await ask(model, system, language, spoken(portion), _SENTENCES)
        tokens += completion.tokens
        known = aliases("m", [utterance.id for utterance in portion])
        sentences: dict[str, None] = {}
        for entry in answers.read_list(answers.read_object(completion.text), "sentences", MOST_SENTENCES):
            text = answers.text_in(entry, "text", LONGEST_SENTENCE)
            if text is not None and answers.ids_in(entry, "sources", known):
                sentences[text] = None
        if sentences:
            pieces.append(Piece(day, day, " ".join(sentences)))
    return pieces, tokens


async def one_of(model: LanguageModel, task: Mapping[Language, str], pieces: Sequence[Piece]) -> tuple[str, int]:
    """One text of at least one, and the tokens it took."""
    pieces, tokens = await in_groups(model, task, pieces)
    if len(pieces) > 1:
        [piece], more = await _merged(model, task, [pieces])
        return piece.text, tokens + more
    return pieces[0].text, tokens


async def in_groups(
    model: LanguageModel, task: Mapping[Language, str], pieces: Sequence[Piece]
) -> tuple[Sequence[Piece], int]:
    """As few as one prompt can hold, and the tokens it took to get there."""
    tokens = 0
    while len(groups := _groups(pieces)) > 1:
        pieces, more = await _merged(model, task, groups)
        tokens += more
    return pieces, tokens


async def _merged(
    model: LanguageModel, task: Mapping[Language, str], groups: Sequence[Sequence[Piece]]
) -> tuple[list[Piece], int]:
    made: list[Piece] = []
    tokens = 0
    for group in groups:
        if len(group) == 1:
            made += group
            continue
        language = language_of(piece.text for piece in group)
        lines = data({"from": piece.first, "to": piece.last, "text": piece.text} for piece in group)
        completion = await ask(model, task[language].format(longest=LONGEST_WHOLE), language, lines, _WHOLE)
        tokens += completion.tokens
        text = answers.text_in(answers.read_object(completion.text), "summary", LONGEST_WHOLE)
        if text is None:
            raise BadAnswerError("the model's answer has no summary")
        made.append(Piece(group[0].first, group[-1].last, text))
    return made, tokens


async def ask(model: LanguageModel, system: str, language: Language, lines: str, schema: Schema) -> Completion:
    return await model.complete(
        [Message("system", f"{system}\n\n{DATA_RULES[language]}"), Message("user", lines)],
        max_tokens=ANSWER_TOKENS,
        json_schema=schema,
        timeout=SECONDS,
    )


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Of a size for one prompt, and of at least two but for the last, so that each round leaves fewer."""
    groups: list[list[Piece]] = [[]]
    size = 0
    for piece in pieces:
        more = estimate_tokens(piece.text)
        if len(groups[-1]) >= 2 and size + more > WHOLE_TOKENS:
            groups.append([])
            size = 0
        groups[-1].append(piece)
        size += more
    return groups
