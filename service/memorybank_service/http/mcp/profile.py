"""A person as a whole, as the memory has them."""

from memorybank_service.clock import rfc3339
from memorybank_service.http.mcp.called import Called
from memorybank_service.http.mcp.models import ProfileAnswer, ProfileArguments, shown
from memorybank_service.memory.bank import MemoryBank
from memorybank_service.memory.keeping import ACTIVE

_LOOKED_AT, _IMPORTANT = 1000, 10


async def get_profile(bank: MemoryBank, called: Called, given: ProfileArguments) -> ProfileAnswer:
    scope = called.scope(given.user_id)
    page = await bank.recall.page(scope, states=ACTIVE, limit=_LOOKED_AT)
    memories = [kept.memory for kept in page.memories]
    said = [memory.created_at for memory in memories]
    matter = sorted(memories, key=lambda memory: (memory.pinned, memory.importance, memory.recalls), reverse=True)
    return ProfileAnswer(
        user_id=scope.user_id or None,
        memories=page.total,
        first_seen=rfc3339(min(said)) if said else None,
        last_seen=rfc3339(max(said)) if said else None,
        important=[shown(memory) for memory in matter[:_IMPORTANT]],
    )
