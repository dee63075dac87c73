"""Bodies that are too large are refused before they are read, or where they turn out to be so."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memorybank_service.http.problems import Problem, problem_response

LARGEST_BODY = 256 << 10  # 32 KiB of content, each character escaped, and its metadata


class BodyLimit:
    def __init__(self, app: ASGIApp, limit: int = LARGEST_BODY) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            response = problem_response(scope["path"], self._too_large())
            response.headers["Connection"] = "close"  # the rest of the body is not read
            await response(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> Problem:
        return Problem(413, "body-too-large", f"The body is larger than {self._limit} bytes.")
