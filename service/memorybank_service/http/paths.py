"""Paths as the routes see them: an id may hold any character, and a slash at the end makes no difference.

Servers hand over a path with everything decoded, in which the `%2F` of an id looks like the end of it. Here each
segment is decoded by itself, and what would be misread stays encoded until the route has its parameter (`PathId`).
"""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path
from pydantic import AfterValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from memorybank_service.http.fields import LONGEST_ID


class Segments:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # In place, as the server's layers around this one read from it which route it was.
            scope["path"] = routed(scope["raw_path"])
        await self._app(scope, receive, send)


def routed(raw_path: bytes) -> str:
    segments = raw_path.decode("latin-1").split("/")
    if len(segments) > 2 and not segments[-1]:
        del segments[-1]
    return "/".join(_decoded(segment) for segment in segments)


def _decoded(segment: str) -> str:
    return unquote(segment).replace("%", "%25").replace("/", "%2F") if "%" in segment else segment


def _identity(segment: str) -> str:
    identity = segment.replace("%2F", "/").replace("%25", "%")
    if len(identity) > LONGEST_ID:
        raise ValueError(f"must have at most {LONGEST_ID} characters")
    return identity


PathId = Annotated[str, Path(min_length=1), AfterValidator(_identity)]
"""An id as a segment of the path."""
