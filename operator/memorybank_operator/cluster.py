"""The Kubernetes API, as far as the operator needs it: get, list, watch, create, apply, patch, delete.

Errors:

    ApiError                 the API server answered with a failure; `.status`, `.reason`, `.message`
      NotFound               404
      Conflict               409
      Refused                400, 403, 422: the request will not succeed by repeating it
        NamespaceTerminating 403: nothing can be created where everything is being deleted

Connection failures stay aiohttp's own (`aiohttp.ClientError`, `TimeoutError`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from memorybank_operator import metrics, tracing
from memorybank_operator.api.names import FIELD_MANAGER
from memorybank_operator.kinds import Kind
from memorybank_operator.kubeconfig import Connection

Manifest = dict[str, Any]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

REQUEST_SECONDS = 30
WATCH_SECONDS = 240


class ApiError(Exception):
    """The API server answered with a failure."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class NotFound(ApiError):  # noqa: N818 (read as what was answered)
    """The object, or its kind, is not there."""


class Conflict(ApiError):  # noqa: N818 (read as what was answered)
    """It is there already, has changed meanwhile, or a field belongs to another manager."""


class Refused(ApiError):  # noqa: N818 (read as what was answered)
    """The API server will not have it: not valid, not allowed, over a quota."""


class NamespaceTerminating(Refused):
    """The namespace is being deleted."""


class Cluster:
    """An asynchronous client of one API server; use it as a context manager."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._connection.ssl_context(), limit=0, keepalive_timeout=60)
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        """`namespace` is None where the kind has none."""
        return await self._call("get", kind, kind.path(namespace, name))

    async def list(
        self, kind: Kind, namespace: str | None, labels: str = "", *, fields: str = "", limit: int = 0
    ) -> Manifest:
        """The whole list object, as its `metadata.resourceVersion` is wanted too; with `limit`, not all of it."""
        selected = {"labelSelector": labels, "fieldSelector": fields, "limit": str(limit or "")}
        parameters = {name: value for name, value in selected.items() if value}
        return await self._call("list", kind, kind.path(namespace), parameters=parameters)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        namespace = manifest["metadata"]["namespace"]
        return await self._call(
            "create", kind, kind.path(namespace), body=manifest, parameters={"fieldManager": FIELD_MANAGER}
        )

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Conflict if `metadata.resourceVersion` is not the newest."""
        metadata = manifest["metadata"]
        return await self._call("update", kind, kind.path(metadata["namespace"], metadata["name"]), body=manifest)

    async def apply(self, kind: Kind, manifest: Manifest, *, force: bool = True, subresource: str = "") -> Manifest:
        """Server-side apply. Without `force`, a field of another manager is a Conflict."""
        metadata = manifest["metadata"]
        return await self._call(
            "apply",
            kind,
            kind.path(metadata.get("namespace"), metadata["name"], subresource),
            body=manifest,
            parameters={"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"},
            content_type="application/apply-patch+yaml",
        )

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Manifest) -> Manifest:
        """A JSON merge patch."""
        return await self._call(
            "patch",
            kind,
            kind.path(namespace, name),
            body=patch,
            parameters={"fieldManager": FIELD_MANAGER},
            content_type="application/merge-patch+json",
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete this very object: a namesake with another uid is a Conflict."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        await self._call("delete", kind, kind.path(namespace, name), body=body)

    async def serves(self, kind: Kind) -> bool:
        """Whether the cluster has this kind at present."""
        try:
            found = await self._call("discover", kind, kind.api_path)
        except NotFound:
            return False
        return any(resource["name"] == kind.plural for resource in found["resources"])

    async def watch(self, kind: Kind, namespace: str, name: str) -> AsyncIterator[tuple[str, Manifest]]:
        """Events of one object, beginning with its present state; ends when the server ends it."""
        parameters = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        metrics.API_REQUESTS.labels(verb="watch", resource=kind.plural).inc()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=WATCH_SECONDS)
        async with self._open.get(
            self._connection.server + kind.path(namespace),
            params=parameters,
            headers=self._connection.headers(),
            timeout=timeout,
        ) as response:
            if response.status >= 400:
                raise _error(response.status, await response.read())
            async for line in response.content:
                event = _decode(line)
                yield event["type"], event["object"]

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the cluster is used outside its context")
        return self._session

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        body: Manifest | None = None,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        metrics.API_REQUESTS.labels(verb=verb, resource=kind.plural).inc()
        with tracing.request(verb, kind, path) if verb in _WRITES else contextlib.nullcontext():
            return await self._send(verb, path, body, parameters, content_type)

    async def _send(
        self, verb: str, path: str, body: Manifest | None, parameters: Mapping[str, str] | None, content_type: str
    ) -> Manifest:
        headers = {**self._connection.headers(), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        async with self._open.request(
            _METHODS[verb],
            self._connection.server + path,
            params=parameters,
            data=None if body is None else _encode(body),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        ) as response:
            content = await response.read()
            if response.status >= 400:
                raise _error(response.status, content)
        found: Manifest = _decode(content)
        return found


_WRITES = frozenset({"create", "update", "apply", "patch", "delete"})
_METHODS = {
    "get": "GET",
    "list": "GET",
    "discover": "GET",
    "create": "POST",
    "update": "PUT",
    "apply": "PATCH",
    "patch": "PATCH",
    "delete": "DELETE",
}


def _error(status: int, content: bytes) -> ApiError:
    try:
        told = _decode(content)
    except msgspec.DecodeError:
        told = {"message": content.decode(errors="replace").strip()}
    message = str(told.get("message") or f"the API server answered {status}")
    reason = str(told.get("reason") or "")
    causes = (told.get("details") or {}).get("causes") or []
    kind: type[ApiError] = ApiError
    match status:
        case 404:
            kind = NotFound
        case 409:
            kind = Conflict
        case 403 if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
            kind = NamespaceTerminating
        case 400 | 403 | 422:
            kind = Refused
    return kind(status, reason, message)


Transient = (aiohttp.ClientError, asyncio.TimeoutError, ApiError)
"""What a later attempt may cure."""
