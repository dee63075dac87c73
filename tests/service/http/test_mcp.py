"""The protocol as its official client speaks it, with a service of its own on loopback."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from tests.service.running import KEY, RunningService, running
from tests.service.waiting import until

pytestmark = pytest.mark.process
KEYS = {KEY: ["read", "write"], "only-reads": ["read"], "only-writes": ["write"]}
ERAS = pytest.mark.parametrize("era", ["legacy", "auto"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("mcp")
    with running(folder, ACCESS_FILE=str(access_file(folder)), LOG_LEVEL="debug") as service:
        service.ready()
        yield service


def access_file(folder: Path, **more: object) -> Path:
    keys = [
        {"name": key, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}
        for key, scopes in KEYS.items()
    ]
    file = folder / "access.json"
    file.write_text(json.dumps({"keys": keys, **more}))
    return file


@asynccontextmanager
async def connected(
    service: RunningService, era: str = "auto", key: str = KEY, path: str = "/mcp", **headers: str
) -> AsyncIterator[Client]:
    sent = {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    address = str(service.client().base_url).rstrip("/") + path
    async with (
        httpx2.AsyncClient(headers=sent, timeout=20) as http,
        Client(streamable_http_client(address, http_client=http), mode=era) as client,
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    structured: dict[str, Any] = result.structured_content
    assert json.loads(result.content[0].text) == structured  # type: ignore[union-attr]
    return structured


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


@ERAS
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_a_client_connects_and_is_told_what_the_memory_is_for(
    service: RunningService, era: str, path: str
) -> None:
    async with connected(service, era, path=path) as client:
        assert client.server_info is not None
        assert client.server_info.name == "memorybank"
        assert "search_memories" in str(client.instructions)
        assert client.server_capabilities.tools is not None


@ERAS
async def test_the_tools_describe_themselves_and_say_what_they_change(service: RunningService, era: str) -> None:
    async with connected(service, era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"add_memory", "search_memories", "list_memories", "forget_memory", "get_profile"}
    hints = {
        name: (tool.annotations.read_only_hint, tool.annotations.destructive_hint)
        for name, tool in tools.items()
        if tool.annotations is not None
    }
    assert hints == {
        "add_memory": (False, False),
        "search_memories": (True, False),
        "list_memories": (True, False),
        "forget_memory": (False, True),
        "get_profile": (True, False),
    }
    for tool in tools.values():
        assert tool.description
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
        assert "$ref" not in json.dumps([tool.input_schema, tool.output_schema])
    assert tools["add_memory"].input_schema["required"] == ["content"]
    assert tools["search_memories"].input_schema["properties"]["limit"]["maximum"] == 50


@ERAS
async def test_what_a_model_adds_it_finds_lists_and_forgets(service: RunningService, era: str) -> None:
    whose = {"user_id": f"ada of {era}"}
    async with connected(service, era) as client:
        tea = (await call(client, "add_memory", content="Ada drinks lapsang souchong.", importance=0.9, **whose))[
            "memory"
        ]
        train = (await call(client, "add_memory", content="Ada takes the night train.", metadata={"a": 1}, **whose))[
            "memory"
        ]
        assert train["metadata"] == {"a": 1}
        found = (await call(client, "search_memories", query="What tea does Ada like?", **whose))["memories"]
        assert [memory["id"] for memory in found] == [tea["id"], train["id"]]
        assert found[0]["similarity"] > found[1]["similarity"]
        page = await call(client, "list_memories", limit=1, **whose)
        assert ([memory["id"] for memory in page["memories"]], page["total"]) == ([train["id"]], 2)
        page = await call(client, "list_memories", limit=1, cursor=page["next_cursor"], **whose)
        assert [memory["id"] for memory in page["memories"]] == [tea["id"]]
        assert "next_cursor" not in page
        assert await call(client, "forget_memory", memory_id=train["id"]) == {
            "memory_id": train["id"],
            "status": "forgotten",
        }
        assert await refusal(client, "forget_memory", memory_id=train["id"]) == "There is no memory of this id."
        profile = await call(client, "get_profile", **whose)
        assert (profile["memories"], profile["first_seen"]) == (1, tea["created_at"])
        assert [memory["id"] for memory in profile["important"]] == [tea["id"]]


async def test_a_memory_that_was_found_is_recalled(service: RunningService) -> None:
    async with connected(service) as client:
        added = await call(client, "add_memory", content="Rosa keeps bees in Graz.", user_id="rosa")
        await call(client, "search_memories", query="Who keeps bees in Graz?", user_id="rosa")

    def recalls() -> int:
        body = {"query": "bees", "metadata": {"user_id": "rosa"}}
        [memory] = service.client().post("/retrieve_memory", json=body).json()["memories"]
        assert memory["memory_id"] == added["memory"]["id"]
        return int(memory["access_count"])

    until(lambda: recalls() == 1)


async def test_users_agents_and_conversations_are_kept_apart(service: RunningService) -> None:
    async with connected(service) as client:
        ids = {"user_id": "eve", "agent_id": "cook", "run_id": "monday"}
        await call(client, "add_memory", content="Eve eats no nuts.", **ids)
        for other in ({"user_id": "bob"}, {}, {**ids, "run_id": "tuesday"}, {**ids, "agent_id": "tailor"}):
            assert (await call(client, "search_memories", query="nuts", **other))["memories"] == []
            assert (await call(client, "list_memories", **other))["total"] == 0
        for same in (ids, {"user_id": "eve"}, {"user_id": "eve", "agent_id": "cook"}):
            assert (await call(client, "list_memories", **same))["total"] == 1


async def test_a_connection_that_is_bound_to_a_user_reaches_nobody_else(service: RunningService) -> None:
    async with connected(service) as client:
        other = (await call(client, "add_memory", content="Zoe lives in Paris.", user_id="zoe"))["memory"]
    async with connected(service, x_memorybank_user="yann") as client:
        await call(client, "add_memory", content="Yann lives in Brest.")
        await call(client, "add_memory", content="Yann sails.", user_id="yann")
        assert (await call(client, "list_memories"))["total"] == 2
        assert (await call(client, "get_profile"))["user_id"] == "yann"
        assert "bound to one user_id" in await refusal(client, "list_memories", user_id="zoe")
        assert "bound to one user_id" in await refusal(client, "add_memory", content="x", user_id="zoe")
        assert "no memory of this id" in await refusal(client, "forget_memory", memory_id=other["id"])


async def test_a_refusal_says_what_is_wrong_with_which_argument(service: RunningService) -> None:
    async with connected(service) as client:
        assert "content: must not be empty" in await refusal(client, "add_memory", content="  ")
        assert "limit" in await refusal(client, "search_memories", query="x", limit=1000)
        assert "query" in await refusal(client, "search_memories")
        assert "colour: Extra inputs" in await refusal(client, "search_memories", query="x", colour="red")
        assert "cursor" in await refusal(client, "list_memories", cursor="latest")
        too_long = await refusal(client, "add_memory", content="ä" * (20 << 10))
        assert too_long == "These arguments cannot be used. content: must be at most 32768 bytes in UTF-8, not 40960."
        with pytest.raises(MCPError, match="no tool 'drop_table'"):
            await client.call_tool("drop_table", {})


@ERAS
async def test_a_key_does_what_its_scopes_allow(service: RunningService, era: str) -> None:
    async with connected(service, era, "only-reads") as client:
        await call(client, "list_memories")
        assert "does not have the scope 'write'" in await refusal(client, "add_memory", content="x")
        assert "does not have the scope 'write'" in await refusal(client, "forget_memory", memory_id="x")
    async with connected(service, era, "only-writes") as client:
        await call(client, "add_memory", content="A note for nobody.")
        assert "does not have the scope 'read'" in await refusal(client, "search_memories", query="note")


def test_without_a_known_key_nobody_comes_in(service: RunningService) -> None:
    client = service.client()
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}):
        for method in ("POST", "GET", "DELETE"):
            answer = client.request(method, "/mcp", headers=headers, json={})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_there_is_no_session_to_listen_to(service: RunningService) -> None:
    for method in ("GET", "DELETE"):
        answer = service.client().request(method, "/mcp", headers={"Accept": "text/event-stream"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_request_is_complete_in_itself_and_comes_by_any_name(service: RunningService) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Host": "customer1.example.com", "Origin": "https://app.example.com", "Accept": "application/json"}
    answer = service.client().post("/mcp", json=body, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.json()["result"]["tools"]) == 5
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff", b'{"jsonrpc": "2.0"}', b"[" * 5000])
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", "1999-01-01"])
def test_what_is_no_message_is_refused(service: RunningService, body: bytes, version: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "MCP-Protocol-Version": version}
    assert service.client().post("/mcp", content=body, headers=headers).status_code == 400


def test_a_body_that_is_too_large_is_refused(service: RunningService) -> None:
    assert service.client().post("/mcp", content=b"x" * (300 << 10)).status_code == 413


async def test_neither_what_was_said_nor_a_key_is_in_the_log(service: RunningService) -> None:
    async with connected(service) as client:
        await call(client, "add_memory", content="The password is xyzzy.")
        await call(client, "search_memories", query="xyzzy?")
        await refusal(client, "add_memory", content="xyzzy " * 10_000)
    broken = {"jsonrpc": "2.0", "id": {"xyzzy": 1}, "method": "tools/call", "params": "xyzzy"}
    service.client().post("/mcp", json=broken)
    log = service.log_file.read_text()
    assert "xyzzy" not in log
    assert KEY not in log


async def test_requests_are_counted_and_limited(tmp_path: Path) -> None:
    file = access_file(tmp_path, rateLimit={"requestsPerSecond": 0.001, "burst": 8})
    with running(tmp_path, ACCESS_FILE=str(file)) as service:
        http = service.ready()
        async with connected(service, "legacy") as client:
            await call(client, "list_memories")
        answers = [http.post("/mcp", json={}) for _ in range(8)]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        [line] = [line for line in service.log() if line["message"] == "listening"]
        metrics = http.get(f"http://127.0.0.1:{line['metrics_port']}/metrics").text
        assert 'memorybank_http_requests_total{method="POST",route="/mcp",status="429"}' in metrics


async def test_where_no_key_is_asked_for_a_web_page_cannot_reach_it(tmp_path: Path) -> None:
    with running(tmp_path, API_KEY="", MEMORYBANK_INSECURE="true") as service:
        client = service.ready()
        async with connected(service) as mcp:
            await call(mcp, "add_memory", content="A note.")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        accept = {"Accept": "application/json"}
        assert client.post("/mcp", json=body, headers=accept).status_code == 200
        assert client.post("/mcp", json=body, headers={**accept, "Host": "evil.example.com"}).status_code == 421
        assert client.post("/mcp", json=body, headers={**accept, "Origin": "https://evil.example"}).status_code == 403
