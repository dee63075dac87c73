"""Memories as a text for a prompt, and the way back: what was recalled into a prompt is no new memory.

<memories>
[2027-01-15 08:00] Ada: I take the night train to Vienna on Friday.
</memories>
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from memorybank_service.llm.tokens import estimate_tokens
from memorybank_service.store import Memory

OPENING, CLOSING = "<memories>", "</memories>"
_DELIMITER = re.compile(r"<(?=[\s/]{0,8}memories)", re.IGNORECASE)


@dataclass(frozen=True)
class Context:
    text: str
    """Empty where there is nothing to tell."""
    chosen: Sequence[int]
    """Which of the candidates are in it, in the order of the lines."""
    tokens: int


def build_context(candidates: Sequence[Memory], max_tokens: int) -> Context:
    """The best of the candidates (best first) that fit, in the order in which they were said."""
    frame = f"{OPENING}\n{CLOSING}"
    left = max_tokens - estimate_tokens(frame)
    lines: dict[int, str] = {}
    for place, memory in enumerate(candidates):
        line = _line(memory) + "\n"
        if (cost := estimate_tokens(line)) <= left:
            lines[place] = line
            left -= cost
    if not lines:
        return Context("", [], 0)
    chosen = sorted(lines, key=lambda place: (candidates[place].created_at, candidates[place].seq))
    text = f"{OPENING}\n{''.join(lines[place] for place in chosen)}{CLOSING}"
    return Context(text, chosen, estimate_tokens(text))


def strip_recalled(text: str) -> str:
    """Without the blocks that `build_context` made; what is opened and never closed is somebody's own words."""
    kept, start = [], 0
    while (opening := text.find(OPENING, start)) >= 0:
        closing = text.find(CLOSING, opening)
        if closing < 0:
            break
        kept.append(text[start:opening])
        start = closing + len(CLOSING)
    return "".join(kept) + text[start:]


def _line(memory: Memory) -> str:
    """One line, however many the memory has: else it could pass for another memory, or for the end of them all."""
    moment = datetime.fromtimestamp(memory.created_at, UTC)
    speaker = "" if memory.speaker is None else f"{_harmless(memory.speaker)}: "
    return f"[{moment:%Y-%m-%d %H:%M}] {speaker}{_harmless(memory.content)}"


def _harmless(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return _DELIMITER.sub("‹", " / ".join(line for line in lines if line))
