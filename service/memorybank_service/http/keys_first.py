"""No byte of a body is read before its key is checked.

FastAPI reads and parses a body before it asks a route's dependencies, of which the key is one. So the first piece is
given out only where the key is one that the route takes; routes and the form of their errors stay as they are.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memorybank_service.http.routes import Routes


class KeysFirst:
    def __init__(self, app: ASGIApp, routes: Routes) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_checked = False

        async def checked() -> Message:
            nonlocal is_checked
            if not is_checked and (needed := self._routes.needed(scope)) is not None:
                needed.check(Request(scope))
                is_checked = True
            return await receive()

        await self._app(scope, checked, send)
