"""What is embedded for a memory: its own words, with whom they come from.

Naming the speaker triples what a conversation's vectors find. What was said before and after stays out: a search adds
the neighbours' vectors up itself, so a turn that is deleted or has faded leaves theirs without embedding them again.
The date stays out too, because a search compares dates as dates.
"""


def embedded_text(content: str, speaker: str | None) -> str:
    return content if speaker is None else f'{speaker} said, "{content}"'
