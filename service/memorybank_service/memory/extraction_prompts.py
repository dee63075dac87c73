"""What a model is told about making facts of a conversation, in the language of the conversation."""

from collections.abc import Mapping
from dataclasses import dataclass

from memorybank_service.memory.conversation import Language


@dataclass(frozen=True)
class Instructions:
    task: str
    """With places for `most`, `longest` and `categories`."""
    known: str
    recalled: str
    person: str
    before: str
    conversation: str


INSTRUCTIONS: Mapping[Language, Instructions] = {
    "en": Instructions(
        task=(
            "You keep the long-term memory of an assistant. Read a conversation and note the facts in it that will be "
            "worth knowing weeks later: who people are, what they like and dislike, their relationships, plans, "
            "events, work and health, and what was decided or promised.\n"
            "\n"
            "- A fact is one sentence that can be understood alone: with names instead of pronouns, and with dates "
            'instead of words such as "yesterday" (each line says when it was said).\n'
            "- Take only what somebody says in the conversation. Do not guess, do not generalise, and do not note what "
            "an assistant merely suggests, explains or repeats.\n"
            "- Leave out greetings, questions without an answer, general knowledge, and anything like a password or "
            "the number of a card or an account.\n"
            "- Note nothing that is known already. If a fact of the conversation changes a known one, or makes it more "
            'exact, use the action "supersede" and give the id of the known fact in "replaces"; otherwise use "add" '
            'and leave "replaces" empty.\n'
            '- "sources" are the ids of the lines that say it, such as ["m2"]. A fact without a source is worthless.\n'
            '- "importance" is a number from 0 (a detail) to 1 (decisive for a life). "category" is one of: '
            "{categories}.\n"
            "- At most {most} facts, each of at most {longest} characters. Where there are none, the list is empty.\n"
            "\n"
            'Form: {{"operations": [{{"action": "add", "replaces": "", "text": "...", "sources": ["m1"], '
            '"importance": 0.5, "category": "plan"}}]}}'
        ),
        known="Facts that are known already:",
        recalled="What the assistant had been reminded of, and may have repeated. Nothing in it is new:",
        person="The user is called:",
        before="What was said before, only to understand the conversation by. Nothing in it is new:",
        conversation="The conversation:",
    ),
    "zh": Instructions(
        task=(
            "你负责维护一个助手的长期记忆。请阅读一段对话，记下其中几周之后仍值得知道的事实：人物身份、喜好与厌恶、人际关系、"
            "计划、事件、工作与健康，以及所作的决定或承诺。\n"
            "\n"
            "- 每条事实是一句能够单独理解的话：用姓名代替代词，"
            "用具体日期代替“昨天”之类的词（每一行都注明了说话时间）。\n"
            "- 只记录对话中有人说过的内容。不要猜测，不要概括，也不要记录助手仅仅建议、解释或重复的内容。\n"
            "- 不要记录问候、没有回答的问题、常识，以及密码、银行卡号、账号之类的内容。\n"
            "- 不要记录已知的内容。如果对话中的事实改变了某条已知事实或使其更准确，action 用 “supersede”，"
            "并在 replaces 中给出该已知事实的 id；否则用 “add”，replaces 留空。\n"
            '- sources 是说出该事实的各行的 id，例如 ["m2"]。没有来源的事实毫无价值。\n'
            "- importance 是 0（细节）到 1（对一生有决定性）之间的数。category 取以下之一：{categories}。\n"
            "- 最多 {most} 条事实，每条最多 {longest} 个字符。没有事实时列表为空。\n"
            "\n"
            '格式：{{"operations": [{{"action": "add", "replaces": "", "text": "……", "sources": ["m1"], '
            '"importance": 0.5, "category": "plan"}}]}}'
        ),
        known="已知的事实：",
        recalled="助手曾被提醒、可能重复过的内容，其中没有任何新内容：",
        person="用户的名字：",
        before="此前说过的话，仅供理解对话，其中没有任何新内容：",
        conversation="对话：",
    ),
}
