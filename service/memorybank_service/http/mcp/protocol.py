"""The protocol itself, by its official package. Imported with the first request to /mcp: see `endpoint`.

Each request is served by itself and answered with JSON: no session is kept in the process, so a restart ends none.
"""

import json
import logging
from typing import Any

import mcp_types as types
from mcp.server import CacheHint, Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from memorybank_service import __version__
from memorybank_service.http.body_limit import LARGEST_BODY
from memorybank_service.http.mcp.called import Called, RefusedError
from memorybank_service.http.mcp.schemas import input_schema, output_schema
from memorybank_service.http.mcp.tools import INSTRUCTIONS, TOOLS, Tool
from memorybank_service.store import StoreError
from memorybank_service.tenant import NotReadyError, Tenant

log = logging.getLogger(__name__)
_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
_LIST_KEPT_MS = 3_600_000

# What the package logs may quote what a client sent.
logging.getLogger("mcp").setLevel(logging.CRITICAL)


class McpProtocol:
    """`only_from_this_machine`: where no key is asked for, a web page must not reach it under a name of its own."""

    def __init__(self, tenant: Tenant, *, only_from_this_machine: bool) -> None:
        self._tenant = tenant
        self._security = TransportSecuritySettings(
            # With a key, which no web page has, any name will do: an ingress serves the tenant under many.
            enable_dns_rebinding_protection=only_from_this_machine,
            allowed_hosts=[f"{host}{port}" for host in _THIS_MACHINE for port in ("", ":*")],
            allowed_origins=[f"http://{host}{port}" for host in _THIS_MACHINE for port in ("", ":*")],
        )
        self._server = Server[dict[str, Any]](
            "memorybank",
            title="MemoryBank",
            version=__version__,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            get_tool_input_schema=_SCHEMAS.get,
            cache_hints={"tools/list": CacheHint(ttl_ms=_LIST_KEPT_MS, scope="public")},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["state"]["called"] = Called.by(Request(scope))
        served_once = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            security_settings=self._security,
            max_request_body_size=LARGEST_BODY,
        )
        async with served_once.run():
            await served_once.handle_request(scope, receive, send)
        for left in called.after_the_answer:
            await left()

    async def _list(self, context: ServerRequestContext[Any], params: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS.values()])

    async def _call(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None or context.request is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {params.name[:80]!r}.")
        called: Called = context.request.state.called
        try:
            called.needs(tool.scope)
            arguments = tool.arguments.model_validate(params.arguments or {})
            answer = await tool.run(self._tenant.bank, called, arguments)
        except RefusedError as error:
            return _refused(str(error))
        except ValidationError as error:
            return _refused(_what_is_wrong(error))
        except NotReadyError:
            return _refused("The memories are not open yet; try again in a moment.")
        except StoreError as error:
            log.error("a tool failed in the store", extra={"tool": tool.name, "error": str(error)})
            return _refused(f"The memories cannot be used for this: {error}.")
        except Exception as error:  # the package would send its text to the client, which may hold what is stored
            log.error("a tool failed", extra={"tool": tool.name, "error": type(error).__name__}, exc_info=True)
            return _refused("The service failed; its log says how.")
        structured = answer.model_dump(mode="json", exclude_none=True)
        text = types.TextContent(type="text", text=json.dumps(structured, ensure_ascii=False))
        return types.CallToolResult(content=[text], structured_content=structured)


_SCHEMAS = {tool.name: input_schema(tool.arguments) for tool in TOOLS.values()}


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=_SCHEMAS[tool.name],
        output_schema=output_schema(tool.answer),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
    )


def _refused(sentence: str) -> types.CallToolResult:
    """As the protocol wants it: in the result, where the model reads it and can do better."""
    return types.CallToolResult(content=[types.TextContent(type="text", text=sentence)], is_error=True)


def _what_is_wrong(error: ValidationError) -> str:
    """Names the fields and what they must be, without what was given."""
    clauses = [
        f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    return "These arguments cannot be used. " + "; ".join(clauses[:10]) + "."
