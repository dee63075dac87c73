"""What a user is like, and how to speak with them: of each day an insight, and of the days a portrait and a strategy.

(Zhong et al. 2023, section "Memory Storage": dynamic personality understanding.) As with summaries, what comes out
names every memory that its model has read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memorybank_service.llm import LanguageModel, Schema
from memorybank_service.llm.errors import BadAnswerError
from memorybank_service.memory import answers
from memorybank_service.memory.conversation import Language, Utterance, data, language_of, new_words
from memorybank_service.memory.summaries import Piece, Summary, ask, in_groups, one_of, read_day

LONGEST_PORTRAIT = 2_000
LONGEST_STRATEGY = 1_000

_OF_A_DAY: Mapping[Language, str] = {
    "en": (
        "From what was said in a conversation on one day, describe the user: traits of personality, and the feelings "
        "of that day with what they were about. Say only what the user's own words show, soberly and with respect; no "
        "diagnosis, and nothing about origin, belief, health or sexuality unless the user speaks of it. At most {most} "
        "sentences, each of at most {longest} characters, each with the ids of the lines that show it.\n\nForm: "
        '{{"sentences": [{{"text": "...", "sources": ["m1", "m2"]}}]}}'
    ),
    "zh": (
        "请根据某一天的一段对话描述用户：性格特点，以及当天的情绪及其缘由。只写用户自己的话所表现出来的内容，客观而尊重；"
        "不作诊断，除非用户自己谈及，否则不涉及出身、信仰、健康或性取向。最多 {most} 句，每句最多 {longest} 个字符，"
        '并给出能体现它的各行的 id。\n\n格式：{{"sentences": [{{"text": "……", "sources": ["m1", "m2"]}}]}}'
    ),
}
_OF_PARTS: Mapping[Language, str] = {
    "en": (
        "These are observations about one user's personality and feelings, each with the time it is of. Put them "
        "together to one description, as concise as possible; where they contradict each other, the later one holds. "
        'Add nothing. At most {longest} characters.\n\nForm: {{"summary": "..."}}'
    ),
    "zh": (
        "以下是对同一位用户性格与情绪的若干观察，每条都注明了时间。请把它们尽可能简洁地合成一段描述；"
        '相互矛盾时以较晚的为准。不要添加任何内容。最多 {longest} 个字符。\n\n格式：{{"summary": "……"}}'
    ),
}
_PORTRAIT: Mapping[Language, str] = {
    "en": (
        "These are observations about one user's personality and feelings, each with the time it is of. Write a "
        "portrait of the user, highly concise and general: lasting traits first, then how the user has been lately. "
        "Then write the strategy by which an assistant should answer this user: tone, depth, what to take up and what "
        "to avoid. Add nothing that the observations do not show. The portrait has at most {portrait} characters, the "
        'strategy at most {strategy}.\n\nForm: {{"portrait": "...", "strategy": "..."}}'
    ),
    "zh": (
        "以下是对同一位用户性格与情绪的若干观察，每条都注明了时间。请写出高度简洁、概括的用户画像：先写稳定的性格特点，"
        "再写最近的状态。然后写出助手回应该用户时最合适的策略：语气、深度、应当谈及什么、应当避免什么。"
        "不要添加观察中没有体现的内容。画像最多 {portrait} 个字符，策略最多 {strategy} 个字符。\n\n"
        '格式：{{"portrait": "……", "strategy": "……"}}'
    ),
}
_SHAPE: Schema = answers.object_schema(portrait=answers.TEXT, strategy=answers.TEXT)


@dataclass(frozen=True)
class Portrait:
    text: str
    strategy: str
    """How to answer this user."""
    source_ids: tuple[str, ...]
    """Of all the memories that were read for it."""
    model: str
    tokens: int


async def insight_of_day(model: LanguageModel, day: str, conversation: Sequence[Utterance]) -> Summary | None:
    """What that day shows of the user; None where it shows nothing. Raises ProviderError."""
    pieces, tokens = await read_day(model, _OF_A_DAY, day, conversation)
    if not pieces:
        return None
    text, more = await one_of(model, _OF_PARTS, pieces)
    read = tuple(utterance.id for utterance in new_words(conversation))
    return Summary(text, read, model.name, tokens + more, day)


async def portray(model: LanguageModel, insights: Sequence[Summary]) -> Portrait | None:
    """Of the daily insights, the oldest first; None where there are none. Raises ProviderError."""
    if not insights:
        return None
    days = [Piece(insight.day or "", insight.day or "", insight.text) for insight in insights]
    pieces, tokens = await in_groups(model, _OF_PARTS, days)
    language = language_of(piece.text for piece in pieces)
    task = _PORTRAIT[language].format(portrait=LONGEST_PORTRAIT, strategy=LONGEST_STRATEGY)
    lines = data({"from": piece.first, "to": piece.last, "text": piece.text} for piece in pieces)
    completion = await ask(model, task, language, lines, _SHAPE)
    answer = answers.read_object(completion.text)
    text = answers.text_in(answer, "portrait", LONGEST_PORTRAIT)
    strategy = answers.text_in(answer, "strategy", LONGEST_STRATEGY)
    if text is None or strategy is None:
        raise BadAnswerError("the model's answer has no portrait, or no strategy")
    sources = dict.fromkeys(one for insight in insights for one in insight.source_ids)
    return Portrait(text, strategy, tuple(sources), model.name, tokens + completion.tokens)
