"""The Kubernetes API, as far as the operator needs it: get, list, watch, create, apply, patch, delete.

What can go wrong is in `answers`. A request that is answered 429 was not done; it is repeated when the API server asks
for it, if that is soon. Who is asked to wait for longer is told so, and waits elsewhere.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from memorybank_operator import metrics, tracing
from memorybank_operator.answers import Event, error_of, event_of, lines_of, read
from memorybank_operator.api.names import FIELD_MANAGER
from memorybank_operator.kinds import Kind
from memorybank_operator.kubeconfig import Connection

Manifest = dict[str, Any]


_encode = msgspec.json.Encoder().encode

REQUEST_SECONDS = 30
"""For a request and its repetitions after 429 together."""
HEEDED_SECONDS = 5.0
"""The longest `Retry-After` that is waited for within a request."""
WATCH_SECONDS = 240


class Cluster:
    """An asynchronous client of one API server; use it as a context manager."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self._connection.ssl_context(), limit=0, keepalive_timeout=60)
        # An API server sets no cookies, and looking for them costs a tenth of a request.
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
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
        self, kind: Kind, namespace: str | None, labels: str = "", *, fields: str = "", limit: int = 0, token: str = ""
    ) -> Manifest:
        """The list object, as its `metadata.resourceVersion` is wanted too.

        With `limit`, not all of it: its `metadata.continue` is the token for what follows.
        """
        selected = {"labelSelector": labels, "fieldSelector": fields, "limit": str(limit or ""), "continue": token}
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
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": "Background",  # a Job's pods would stay without
        }
        await self._call("delete", kind, kind.path(namespace, name), body=body)

    async def served(self, kinds: Iterable[Kind]) -> frozenset[Kind]:
        """Those of these kinds that the cluster has at present."""
        # Asked for a group that it does not have, an API server says 404 in a way that anybody could.
        groups = (await self._call("discover", _APIS, "/apis"))["groups"]
        versions = {version["groupVersion"] for group in groups for version in group["versions"]}
        found = []
        for kind in kinds:
            if kind.api_version in versions:
                resources = (await self._call("discover", kind, kind.api_path))["resources"]
                if any(resource["name"] == kind.plural for resource in resources):
                    found.append(kind)
        return frozenset(found)

    async def watch(
        self,
        kind: Kind,
        namespace: str | None,
        *,
        name: str = "",
        labels: str = "",
        since: str = "",
        seconds: int = WATCH_SECONDS,
        silence: float = WATCH_SECONDS,
    ) -> AsyncGenerator[Event, None]:
        """What happens to objects, and bookmarks; ends when the server ends it, which is after so many seconds.

        `since`: the version of the state that is known; without, it begins with whatever is there. ApiError also where
        the stream tells one (410: the version is too old). TimeoutError when nothing was told for `silence` seconds.
        """
        parameters = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        fields = f"metadata.name={name}" if name else ""
        selected = {"fieldSelector": fields, "labelSelector": labels, "resourceVersion": since}
        parameters |= {parameter: value for parameter, value in selected.items() if value}
        metrics.API_REQUESTS.labels(verb="watch", resource=kind.plural).inc()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=silence)
        async with self._open.get(
            self._connection.server + kind.path(namespace),
            params=parameters,
            headers=self._connection.headers(),
            timeout=timeout,
        ) as response:
            if response.status >= 400:
                raise error_of(response, await response.read())
            try:
                async with contextlib.aclosing(lines_of(response.content)) as lines:
                    async for line in lines:
                        yield event_of(line, response.status)
            finally:
                # Closed in the middle, it would wait for a farewell from a server that may tell nothing at all.
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()

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
        with tracing.request(verb, kind, path) if verb in _WRITES else contextlib.nullcontext():
            return await self._send(verb, kind, path, body, parameters, content_type)

    async def _send(
        self,
        verb: str,
        kind: Kind,
        path: str,
        body: Manifest | None,
        parameters: Mapping[str, str] | None,
        content_type: str,
    ) -> Manifest:
        headers = {**self._connection.headers(), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        data = None if body is None else _encode(body)
        ends = time.monotonic() + REQUEST_SECONDS
        while True:
            metrics.API_REQUESTS.labels(verb=verb, resource=kind.plural).inc()
            async with self._open.request(
                _METHODS[verb],
                self._connection.server + path,
                params=parameters,
                data=data,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=max(0.1, ends - time.monotonic())),
            ) as response:
                content = await response.read()
                if response.status < 400:
                    fields = ("kind", "metadata", "items") if verb == "list" else ("kind",)
                    return read(response.status, content, *fields)
                error = error_of(response, content)
            # Whoever was turned away with us was told the same: not all come back at the same moment.
            pause = (error.retry_after or 0.0) * random.uniform(1.0, 1.25)  # noqa: S311 (no secret)
            if error.status != 429 or not 0 < pause <= HEEDED_SECONDS or time.monotonic() + pause >= ends:
                raise error
            await asyncio.sleep(pause)


_APIS = Kind("", "", "APIGroupList", "apis")
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
