"""Which methods a path takes: each may have a route of its own, and a refusal has to name them all."""

import re
from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path


class Methods:
    def __init__(self, app: FastAPI) -> None:
        self._routes: Sequence[tuple[re.Pattern[str], bool, frozenset[str]]] = [
            (compile_path(route.path)[0], "{" not in route.path, frozenset(route.methods))
            for route in iter_route_contexts(app.routes)
            if route.path is not None and route.methods is not None
        ]

    def of(self, path: str) -> str:
        """As an `Allow` header has them; a path that is spelt out goes before one with an id in its place."""
        matching = [(spelt_out, methods) for regex, spelt_out, methods in self._routes if regex.match(path)]
        exact = any(spelt_out for spelt_out, _ in matching)
        return ", ".join(sorted({name for spelt_out, methods in matching if spelt_out >= exact for name in methods}))
