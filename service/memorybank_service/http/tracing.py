"""A span for every request, where traces are wanted."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memorybank_service.http.routes import Routes
from memorybank_service.tracing import Tracing


class Traced:
    def __init__(self, app: ASGIApp, tracing: Tracing, routes: Routes) -> None:
        self._app, self._tracing, self._routes = app, tracing, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracing.request(scope["method"], headers) as span:
            try:
                await self._app(scope, receive, noticed)
            finally:
                from opentelemetry.trace import StatusCode

                route = self._routes.path(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if (key := scope.get("state", {}).get("key")) is not None:
                    span.set_attribute("memorybank.key", key.name)
                if status >= 500:
                    span.set_status(StatusCode.ERROR)
