"""The Kubernetes API, as far as the operator needs it: get, list, watch, create, apply, patch, delete.

What can go wrong is in `answers`. A request that is answered 429 was not done; it is repeated when the API server asks
for it, if that is soon. Who is asked to wait for longer is told so, and waits elsewhere.
"""

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from prometheus_client import Counter

from memorybank_operator import metrics, tracing
from memorybank_operator.answers import Conflict, Refused, error_of, legible, read
from memorybank_operator.api.names import FIELD_MANAGER
from memorybank_operator.kinds import SECRET, Kind
from memorybank_operator.kubeconfig import Connection
from memorybank_operator.line import Answer
from memorybank_operator.objects import Object, Page, read_object, read_page
from memorybank_operator.watching import Event, event_of, lines_of
from memorybank_operator.wire import Wire

Manifest = dict[str, Any]
Body = Manifest | list[dict[str, str]]


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
        self._wire: Wire | None = None

    async def __aenter__(self) -> Self:
        self._wire = Wire(self._connection.server, self._connection.ssl_context())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            await self._wire.__aexit__(kind, error, trace)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest:
        """`namespace` is None where the kind has none."""
        return read(await self._call("get", kind, kind.path(namespace, name)), "kind")

    async def list(
        self, kind: Kind, namespace: str | None, labels: str = "", *, fields: str = "", limit: int = 0
    ) -> Manifest:
        """The list object, with no more than `limit` items (0: all)."""
        selected = {"labelSelector": labels, "fieldSelector": fields, "limit": str(limit or "")}
        content = await self._call("list", kind, kind.path(namespace), parameters=_given(selected))
        return read(content, "kind", "metadata", "items")

    async def page(self, kind: Kind, namespace: str | None, labels: str, *, limit: int, token: str = "") -> Page:
        """A part of a list; with the token that came with the part before, the next one."""
        selected = {"labelSelector": labels, "limit": str(limit), "continue": token}
        content = await self._call("list", kind, kind.path(namespace), parameters=_given(selected))
        return legible(content, read_page)

    async def create(self, kind: Kind, manifest: Manifest) -> Object:
        return legible(await self._create(kind, manifest), read_object)

    async def create_secret(self, manifest: Manifest) -> Manifest:
        """As `create`, with all that it has."""
        return read(await self._create(SECRET, manifest), "kind")

    async def _create(self, kind: Kind, manifest: Manifest) -> bytes:
        path = kind.path(manifest["metadata"]["namespace"])
        return await self._call("create", kind, path, body=manifest, parameters={"fieldManager": FIELD_MANAGER})

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Conflict if `metadata.resourceVersion` is not the newest."""
        metadata = manifest["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        return read(await self._call("update", kind, path, body=manifest), "kind")

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Object:
        """Server-side apply; a field of another manager becomes ours."""
        metadata = manifest["metadata"]
        content = await self._call(
            "apply",
            kind,
            kind.path(metadata.get("namespace"), metadata["name"], subresource),
            body=manifest,
            parameters={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )
        return legible(content, read_object)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Manifest) -> Manifest:
        """A JSON merge patch."""
        content = await self._call(
            "patch",
            kind,
            kind.path(namespace, name),
            body=patch,
            parameters={"fieldManager": FIELD_MANAGER},
            content_type="application/merge-patch+json",
        )
        return read(content, "kind")

    async def own(self, kind: Kind, namespace: str, name: str, place: int) -> None:
        """Have the fields that we created an object with be ours as if we had applied it; Conflict: it has changed.

        `place` is that of the creation among `managedFields`. An apply takes away only what was applied before.
        """
        path = f"/metadata/managedFields/{place}"
        tests = {"manager": FIELD_MANAGER, "operation": "Update"}
        patch = [{"op": "test", "path": f"{path}/{field}", "value": value} for field, value in tests.items()]
        patch.append({"op": "replace", "path": f"{path}/operation", "value": "Apply"})
        try:
            await self._call(
                "patch",
                kind,
                kind.path(namespace, name),
                body=patch,
                parameters={"fieldManager": FIELD_MANAGER},
                content_type="application/json-patch+json",
            )
        except Refused as error:
            raise Conflict(409, "Conflict", f"its managers have changed meanwhile: {error.message}") from error

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
        groups = read(await self._call("discover", _APIS, "/apis"), "kind", "groups")["groups"]
        versions = {version["groupVersion"] for group in groups for version in group["versions"]}
        found = []
        for kind in kinds:
            if kind.api_version in versions:
                content = await self._call("discover", kind, kind.api_path)
                resources = read(content, "kind", "resources")["resources"]
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
        parameters |= _given({"fieldSelector": fields, "labelSelector": labels, "resourceVersion": since})
        _count("watch", kind)
        async with (
            self._open.stream(
                _target(kind.path(namespace), parameters),
                headers=self._connection.headers(),
                seconds=REQUEST_SECONDS,
                silence=silence,
            ) as answer,
            contextlib.aclosing(answer.chunks(silence)) as chunks,
        ):
            if answer.status >= 400:
                content = b"".join([chunk async for chunk in chunks])
                raise error_of(Answer(answer.status, answer.headers, content))
            async with contextlib.aclosing(lines_of(chunks)) as lines:
                async for line in lines:
                    yield event_of(line, answer.status)

    @property
    def _open(self) -> Wire:
        if self._wire is None:
            raise RuntimeError("the cluster is used outside its context")
        return self._wire

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        body: Body | None = None,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        with tracing.request(verb, kind, path) if verb in _WRITES else contextlib.nullcontext():
            return await self._send(verb, kind, path, body, parameters, content_type)

    async def _send(
        self,
        verb: str,
        kind: Kind,
        path: str,
        body: Body | None,
        parameters: Mapping[str, str] | None,
        content_type: str,
    ) -> bytes:
        headers = {**self._connection.headers(), "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        data = None if body is None else _encode(body)
        target = _target(path, parameters)
        ends = time.monotonic() + REQUEST_SECONDS
        while True:
            _count(verb, kind)
            answer = await self._open.ask(
                _METHODS[verb], target, headers=headers, body=data, seconds=max(0.1, ends - time.monotonic())
            )
            if answer.status < 400:
                return answer.content
            error = error_of(answer)
            # Whoever was turned away with us was told the same: not all come back at the same moment.
            pause = (error.retry_after or 0.0) * random.uniform(1.0, 1.25)  # noqa: S311 (no secret)
            if error.status != 429 or not 0 < pause <= HEEDED_SECONDS or time.monotonic() + pause >= ends:
                raise error
            await asyncio.sleep(pause)


def _given(parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value}


def _target(path: str, parameters: Mapping[str, str] | None) -> str:
    return f"{path}?{_query(tuple(parameters.items()))}" if parameters else path


@functools.lru_cache(maxsize=64)
def _query(parameters: tuple[tuple[str, str], ...]) -> str:
    return urlencode(parameters)


@functools.cache
def _counter(verb: str, kind: Kind) -> Counter:
    return metrics.API_REQUESTS.labels(verb=verb, resource=kind.plural)


def _count(verb: str, kind: Kind) -> None:
    _counter(verb, kind).inc()


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
