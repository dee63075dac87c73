"""What every request to /mcp passes before the protocol: a known key, its rate, the method.

The protocol's package costs 23 MB of memory and over a second of one core to import, so a tenant pays for it with the
first request to /mcp and not at its start.
"""

import asyncio

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from memorybank_service.http.auth import Gate
from memorybank_service.http.problems import Problem
from memorybank_service.tenant import Tenant


class McpEndpoint:
    path = "/mcp"
    """What its requests are counted under, in either spelling."""

    def __init__(self, tenant: Tenant, gate: Gate) -> None:
        self._tenant, self._gate = tenant, gate
        self._opening = asyncio.Lock()
        self._protocol: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        scope["route"] = self
        key = request.state.key = self._gate.identify(request.headers.get("authorization"))
        self._gate.count(key)
        if request.method != "POST":
            # There is no session to listen to or to end: every request is complete in itself.
            raise Problem(405, "method-not-allowed", "/mcp takes POST alone.", headers={"Allow": "POST"})
        await (self._protocol or await self._open())(scope, receive, send)

    async def _open(self) -> ASGIApp:
        async with self._opening:
            if self._protocol is None:
                self._protocol = await asyncio.to_thread(_load, self._tenant, self._gate.open_to_all)
        return self._protocol


def _load(tenant: Tenant, open_to_all: bool) -> ASGIApp:
    from memorybank_service.http.mcp.protocol import McpProtocol

    return McpProtocol(tenant, only_from_this_machine=open_to_all)
