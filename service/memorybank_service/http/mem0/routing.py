"""mem0's paths: they end in a slash, with or without which they are asked for, and their errors are plain JSON."""

from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope


class Mem0Route(APIRoute):
    plain_json_errors = True
    """mem0's client reads `detail` of nothing else than application/json."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        # The path comes without its last slash, whoever asks.
        return super().matches({**scope, "path": scope["path"] + "/"} if scope["type"] == "http" else scope)


class SlashedRoute(Mem0Route):
    """Of a path that our own API has too: mem0's client is known by the slash at its end."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and not scope["raw_path"].endswith(b"/"):
            return Match.NONE, {}
        return super().matches(scope)


def mem0_router(**options: Any) -> APIRouter:
    return APIRouter(tags=["mem0"], route_class=Mem0Route, **options)


def slashed_router(**options: Any) -> APIRouter:
    return APIRouter(tags=["mem0"], route_class=SlashedRoute, **options)
