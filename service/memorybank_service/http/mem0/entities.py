"""Who there are memories of, and erasing one of them."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from memorybank_service.clock import rfc3339
from memorybank_service.http.asked import Bank, tenant_of
from memorybank_service.http.auth import require
from memorybank_service.http.idempotency import OnceOnly
from memorybank_service.http.json_answers import encoded
from memorybank_service.http.mem0.bodies import LAST_PAGE
from memorybank_service.http.mem0.filters import APP
from memorybank_service.http.mem0.routing import mem0_router
from memorybank_service.http.paths import PathId
from memorybank_service.http.problems import not_found
from memorybank_service.store import WHOLE_TENANT, Entity, EntityKind, Scope
from memorybank_service.store.filters import Compare, Filter

_router = mem0_router()
ROUTERS = [_router]
_MOST_ON_PAGE = 10_000
"""All of them, as far as that is reasonable: the client's `reset` reads one page and deletes what is on it."""


class EntitiesAnswer(BaseModel):
    count: int
    next: str | None
    previous: str | None
    results: list[dict[str, Any]]
    total_users: int
    total_agents: int
    total_apps: int
    total_runs: int


@_router.get("/v1/entities", dependencies=[Depends(require("read"))])
async def list_entities(
    request: Request,
    bank: Bank,
    page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
    page_size: Annotated[int, Query(ge=1, le=_MOST_ON_PAGE)] = _MOST_ON_PAGE,
) -> EntitiesAnswer:
    """Users first, then agents, apps and runs."""
    counts = await bank.entities.counted()
    total = sum(counts.values())
    found = await bank.entities.listed(page_size, (page - 1) * page_size)
    owner = tenant_of(request).settings.tenant_id

    def of_page(other: int) -> str:
        return str(request.url.replace(path="/v1/entities/").include_query_params(page=other, page_size=page_size))

    return EntitiesAnswer(
        count=total,
        next=of_page(page + 1) if page * page_size < total else None,
        previous=of_page(page - 1) if page > 1 else None,
        results=[_entity_json(entity, owner) for entity in found],
        total_users=counts["user"],
        total_agents=counts["agent"],
        total_apps=counts["app"],
        total_runs=counts["run"],
    )


@_router.delete("/v2/entities/{entity_type}/{name}", dependencies=[Depends(require("admin"))])
async def delete_entity(entity_type: EntityKind, name: PathId, bank: Bank, once: OnceOnly) -> Response:
    """With every memory of it.

    One that is gone already is no error: the client's `reset` deletes a user, and then the runs of that user.
    """
    scope, wanted = _everything_of(entity_type, name)

    def answer(deleted: int) -> str:
        return encoded({"message": "Entity deleted successfully!", "deleted": deleted})

    return await once(bank, lambda along: bank.entities.delete_all(scope, wanted, along), answer)


@_router.get("/v2/entities/user/{name}/profile", dependencies=[Depends(require("read"))])
async def get_profile(name: PathId, bank: Bank) -> dict[str, Any]:
    """The portrait, made in the background once a day is over."""
    profile = await bank.people.profile(name)
    if profile is None:
        raise not_found("user", name)
    kinds = {"portrait": profile.portrait, "strategy": profile.strategy, "summary": profile.overall}
    made = {kind: text for kind, text in kinds.items() if text is not None}
    return {
        "entity_type": "user",
        "entity_id": name,
        "status": "succeeded" if made else "pending" if bank.summing_up.possible else "not_enabled",
        "profile": {kind: text.text for kind, text in made.items()},
        "updated_at": rfc3339(max(text.made_at for text in made.values())) if made else None,
        "generation_count": None,
    }


def _everything_of(kind: EntityKind, name: str) -> tuple[Scope, Filter | None]:
    """To the letter: a name of `*` is one that is called so."""
    match kind:
        case "user":
            return Scope(name), None
        case "agent":
            return Scope(None, agent_id=name), None
        case "run":
            return Scope(None, run_id=name), None
        case "app":
            return WHOLE_TENANT, Compare(APP, "eq", name)


def _entity_json(entity: Entity, owner: str) -> dict[str, Any]:
    return {
        "id": f"{entity.kind}:{entity.name}",
        "name": entity.name,
        "type": entity.kind,
        "owner": owner,
        "total_memories": entity.memories,
        "metadata": None,
        "created_at": rfc3339(entity.first_at),
        "updated_at": rfc3339(entity.last_at),
    }
