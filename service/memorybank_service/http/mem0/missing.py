"""What mem0's client can ask for and a tenant does not have: it says so, and where else to look."""

from typing import NoReturn

from fastapi import Depends, Request

from memorybank_service.http.auth import known
from memorybank_service.http.mem0.routing import mem0_router
from memorybank_service.http.problems import Problem

_router = mem0_router(dependencies=[Depends(known)])
ROUTERS = [_router]
_PROJECT = "/api/v1/orgs/organizations/{org_id}/projects"
_SENTENCES = {
    ("POST", "/v1/feedback"): "There is no feedback: what is recalled stays, and what is not fades.",
    ("POST", "/v1/exports"): "There are no exports by a schema: GET /v1/export has everything of a tenant.",
    ("POST", "/v1/exports/get"): "There are no exports by a schema: GET /v1/export has everything of a tenant.",
    ("POST", "/v1/summary"): "There is no summary by filters: GET /v1/users/ID/summaries has those of a user.",
    ("*", "/v2/profiles/{rest:path}"): "Portraits are made by themselves: GET /v1/users/ID/profile has them.",
    ("*", "/api/v1/webhooks/{rest:path}"): "There are no webhooks.",
    ("POST", _PROJECT): "There is one project: the tenant.",
    ("*", _PROJECT + "/{project_id}"): "A tenant is configured by its MemoryBankTenant resource.",
    ("*", _PROJECT + "/{project_id}/members"): "There are keys instead of members: see the tenant's `spec.apiKeys`.",
}


async def _missing(request: Request) -> NoReturn:
    raise Problem(501, "not-offered", request.scope["route"].description)


for (method, path), sentence in _SENTENCES.items():
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] if method == "*" else [method]
    _router.add_api_route(path, _missing, methods=methods, description=sentence, response_model=None)
