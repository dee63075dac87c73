"""A person as a whole, as the memory has them."""

from typing import Any

from memorybank_service.clock import rfc3339
from memorybank_service.http.mcp.called import Called
from memorybank_service.http.mcp.models import Day, ProfileAnswer, ProfileArguments, shown
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import ACTIVE
from memorybank_service.store import Scope
from memorybank_service.store.days import LAST

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
    user_id = scope.user_id if scope.agent_id is None and scope.run_id is None else None
    profile = await bank.people.profile(user_id) if user_id else None
    if profile is None or user_id is None:
        return {}
    kinds = {"portrait": profile.portrait, "strategy": profile.strategy, "summary": profile.overall}
    made: dict[str, Any] = {name: text.text for name, text in kinds.items() if text is not None}
    last = await bank.people.summed_up(user_id, LAST, _DAYS)
    days = [Day(day=one.day, summary=one.summary.text) for one in last.days if one.summary] if last else []
    return made | ({"days": days} if days else {})
