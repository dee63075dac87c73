"""A person as a whole, as the memory has them."""

from typing import Any

from memorybank_service.clock import rfc3339
from memorybank_service.http.mcp.called import Called
from memorybank_service.http.mcp.models import Day, ProfileAnswer, ProfileArguments, shown
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import ACTIVE
from memorybank_service.store import Scope

_LOOKED_AT, _IMPORTANT, _DAYS = 1000, 10, 7


async def get_profile(bank: MemoryBank, called: Called, given: ProfileArguments) -> ProfileAnswer:
    scope = called.scope(given.user_id)
    page = await bank.recall.page(scope, states=ACTIVE, limit=_LOOKED_AT)
    memories = [kept.memory for kept in page.memories]
    said = [memory.created_at for memory in memories]
    matter = sorted(memories, key=lambda memory: (memory.pinned, memory.importance, memory.recalls), reverse=True)
    return ProfileAnswer(
        user_id=scope.user_id or None,
        **await _made(bank, scope),
        memories=page.total,
        first_seen=rfc3339(min(said)) if said else None,
        last_seen=rfc3339(max(said)) if said else None,
        important=[shown(memory) for memory in matter[:_IMPORTANT]],
    )


async def _made(bank: MemoryBank, scope: Scope) -> dict[str, Any]:
    """By a language model, out of all that the user said: not for a connection that is bound to a part of it."""
    whole = scope.agent_id is None and scope.run_id is None
    known = await bank.summing_up.of(scope.user_id) if scope.user_id and whole else None
    if known is None:
        return {}
    days = [Day(day=one.day, summary=one.text) for one in known.made if one.kind == "day"]
    kinds = {"portrait": known.text("portrait"), "strategy": known.text("strategy"), "summary": known.text("overall")}
    made: dict[str, Any] = {name: text.text for name, text in kinds.items() if text is not None}
    return made | ({"days": sorted(days, key=lambda one: one.day, reverse=True)[:_DAYS]} if days else {})
