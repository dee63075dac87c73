"""mem0's hosted API, as its official client calls it: an application that uses mem0 is pointed here, and goes on.

What is asked for is always bound to entities (user, agent, app, run) that the request names; all of a tenant's memories
that match every one of them are meant, whichever way they came in.
"""

from fastapi import APIRouter

from memorybank_service.http.mem0 import account, batch, entities, memories, missing, single

router = APIRouter()
for concern in (account, memories, batch, entities, single, missing):
    for part in concern.ROUTERS:
        router.include_router(part)
