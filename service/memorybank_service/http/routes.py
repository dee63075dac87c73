"""What is known of the routes before one of them runs: its whole path, and which key it needs.

A router that is included in another one leaves its routes as they were, without the prefix they are reached under: what
a request is counted, traced and told under is looked up here.
"""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

from memorybank_service.http.auth import Needed

UNMATCHED = "unmatched"


class Routes:
    def __init__(self, app: FastAPI) -> None:
        """Of an application that has all of its routes."""
        contexts = list(iter_route_contexts(app.routes))
        self._kept = [context.original_route for context in contexts]  # so that no other object gets the id of one
        self._paths: Mapping[int, str] = {id(context.original_route): context.path or "" for context in contexts}
        self._needed: Mapping[int, Needed] = {
            id(context.original_route): depends.dependency
            for context in contexts
            for depends in getattr(context, "dependencies", ())
            if isinstance(depends.dependency, Needed)
        }

    def path(self, scope: Scope) -> str:
        """As a template: an id in a path must not become a name of its own."""
        route = scope.get("route")
        return self._paths.get(id(route)) or str(getattr(route, "path", UNMATCHED))

    def needed(self, scope: Scope) -> Needed | None:
        """What key the request's route needs; None: none, or the route sees to it."""
        return self._needed.get(id(scope.get("route")))
