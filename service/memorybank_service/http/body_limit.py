"""Bodies that are too large are refused before they are read, or where they turn out to be so."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memorybank_service.http.problems import Problem, problem_response

LARGEST_BODY = 256 << 10  # 32 KiB of content, each character escaped, and its metadata


class BodyLimit:
    def __init__(self, app: ASGIApp, larger: Mapping[str, int]) -> None:
        """`larger`: in bytes, by path, where it is not `LARGEST_BODY`."""
        self._app, self._larger = app, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], LARGEST_BODY)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            response = problem_response(scope["raw_path"].decode("latin-1"), _too_large(limit))
            response.headers["Connection"] = "close"  # the rest of the body is not read
            await response(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _too_large(limit: int) -> Problem:
    return Problem(413, "body-too-large", f"The body is larger than {limit} bytes.")
