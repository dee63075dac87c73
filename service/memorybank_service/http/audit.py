"""Who did what with administrative rights, in the log; and an id for every request, by which its lines are found."""

import logging
import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memorybank_service.http.routes import Routes

log = logging.getLogger("memorybank_service.audit")
_GIVEN = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_HEADER = b"x-request-id"
_NAMED = ("job_id", "backup_id", "entity_type")
"""What of a path is told: all else may be somebody's name."""


class Audited:
    """Takes up the caller's `X-Request-Id`, or makes one, and answers with it.

    A line a call of a route that wants the scope *admin*, refused ones too: the key's name, the route, the status and
    which job or backup the path names, but no user, whom an erasure must not leave in the log.
    """

    def __init__(self, app: ASGIApp, routes: Routes) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        request_id = given if _GIVEN.fullmatch(given) else uuid.uuid4().hex.encode()
        state = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()

        async def noticed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (_HEADER, request_id)]}
                if state.get("scope") == "admin":
                    _tell(scope, self._routes.path(scope), message["status"])
            await send(message)

        await self._app(scope, receive, noticed)


def _tell(scope: Scope, route: str, status: int) -> None:
    state, key = scope["state"], scope["state"].get("key")
    given = scope.get("path_params", {})
    named = {name: given[name] for name in _NAMED if name in given}
    log.info(
        "an administrative call",
        extra={
            "key": None if key is None else key.name,
            "method": scope["method"],
            "route": route,
            "status": status,
            "request_id": state["request_id"],
            **({"named": named} if named else {}),
        },
    )
