"""The synchronous client: one method an endpoint, by the names that MemoryBank's users know."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx

from memorybank.errors import ConnectionFailedError, error_of
from memorybank.types import FoundMemory


class MemoryBankClient:
    """Talks to one tenant at `base_url`; every method raises `MemoryBankError` where the tenant refuses or is silent.

    An `api_key` that no header can carry is a ValueError. `timeout` is in seconds and bounds each request. `transport`
    replaces the network (tests, proxies of your own).
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        address, headers = _loopback(httpx.URL(base_url))
        if api_key:
            if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
                raise ValueError("the API key has characters that a header cannot carry")  # which are not shown
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout, transport=transport)

    def store_memory(self, content: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Stores the words; returns the memory's id once they are on the tenant's disk."""
        answer = self._call("POST", "/store_memory", {"content": content, "metadata": dict(metadata or {})})
        return str(answer["memory_id"])

    def retrieve_memories(
        self, query: str, top_k: int = 3, metadata: Mapping[str, Any] | None = None
    ) -> list[FoundMemory]:
        """The memories that answer the query, best first; `metadata` narrows by equality (`user_id` to one user)."""
        body = {"query": query, "top_k": top_k, "metadata": dict(metadata or {})}
        return [FoundMemory.of(memory) for memory in self._call("POST", "/retrieve_memory", body)["memories"]]

    def forget_memory(self, memory_id: str) -> None:
        """Deletes one memory for good; `NotFoundError` where there is none of that id."""
        self._call("POST", "/forget_memory", {"memory_id": memory_id})

    def get_memory_stats(self) -> dict[str, Any]:
        return self._call("GET", "/memory_stats")

    def get_scheduler_status(self) -> dict[str, Any]:
        return self._call("GET", "/scheduler_status")

    def run_forgetting_curve(self) -> dict[str, Any]:
        """Runs the forgetting now; says how many memories are faded, and how many this run purged."""
        return self._call("POST", "/run_forgetting_curve")

    def health_check(self) -> dict[str, Any]:
        return self._call("GET", "/health")

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> MemoryBankClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, json=body)
        except httpx.RequestError as error:
            raise ConnectionFailedError(f"{self._http.base_url} does not answer: {error}") from error
        answer = _object(response)
        if response.is_success and answer is not None:
            return answer
        raise error_of(response.status_code, _detail(response, answer), response.headers.get("Retry-After"))


def _loopback(url: httpx.URL) -> tuple[httpx.URL, dict[str, str]]:
    """Names below `.localhost` mean this machine (RFC 6761, 6.3), as curl has it; many resolvers do not."""
    if url.scheme == "http" and url.host.endswith(".localhost"):
        return httpx.URL(f"http://127.0.0.1:{url.port or 80}{url.path}"), {"Host": url.netloc.decode()}
    return url, {}


def _object(response: httpx.Response) -> dict[str, Any] | None:
    """The JSON object that was answered; None for a page of whatever else stands at the address."""
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _detail(response: httpx.Response, answer: Mapping[str, Any] | None) -> str:
    """The sentence with which the service refused; for a proxy's answer, which has none, the status's name."""
    if answer is not None and isinstance(answer.get("detail"), str):
        return str(answer["detail"])
    problem = ", but nothing that a tenant says" if response.is_success else ""
    return f"{response.request.url} answered {response.status_code} {response.reason_phrase}{problem}"
