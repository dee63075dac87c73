"""mem0's routes. They are described by mem0 and not by us: docs/mem0.md has what differs.

Its paths end in a slash, which makes no difference here: the last slash of any path is taken off before it is routed.
But a few of them are paths of our own API too, and there it is the slash by which mem0's client is known.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class SlashedRoute(APIRoute):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and not scope["raw_path"].endswith(b"/"):
            return Match.NONE, {}
        return super().matches(scope)


def mem0_router(**options: Any) -> APIRouter:
    return APIRouter(include_in_schema=False, **options)


def slashed_router(**options: Any) -> APIRouter:
    return APIRouter(include_in_schema=False, route_class=SlashedRoute, **options)
