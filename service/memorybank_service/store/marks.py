"""What a search wants to know of a memory's words beyond which they are, found out once, when they are written."""

import re

from memorybank_service.store.words import tokens

ASKS = 1
"""It ends in a question: what follows it is the answer."""
TELLS_TIME = 2
"""It says when something is, was or will be."""

# What is shared along with the words stands in parentheses behind them.
_QUESTION = re.compile(r"[?？][\"'”’)\]\s]*(\([^()]{0,500}\)\s*)?$")
_TIME_WORDS = """
    yesterday today tonight tomorrow ago last next week weekend month year day morning evening night recently soon
    since monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december 昨天 今天 明天 前天 后天 去年 今年 明年 上周 下周 上个 下个 昨日 今日 明日 先週
    来週 先月 来月 어제 오늘 내일 작년 올해 내년
"""
_TELLING = frozenset(_TIME_WORDS.split())


def marks(content: str) -> int:
    asks = ASKS if _QUESTION.search(content[-1_000:]) else 0
    return asks | (TELLS_TIME if not _TELLING.isdisjoint(tokens(content)) else 0)
