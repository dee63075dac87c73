"""Plain requests to the API server, and what its refusals mean to who sits at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import cached_property
from typing import Any, NoReturn
from urllib.parse import urlencode

from memorybank.fleet.errors import ExistsAlreadyError, NoSuchThingError, OutdatedError, RefusedError, SilentError
from memorybank.fleet.kubernetes.configuration import Connection, Where, connection
from memorybank.fleet.kubernetes.kinds import TENANT, Kind, Manifest

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
FIELD_MANAGER = "memorybank-cli"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
JSON, MERGE = "application/json", "application/merge-patch+json"


class Cluster:
    """The API server, in one namespace unless another is said. It is found at the first request."""

    def __init__(self, where: Where, connect: Callable[[Where], Connection] = connection) -> None:
        self._where, self._connect = where, connect

    @cached_property
    def connection(self) -> Connection:
        return self._connect(self._where)

    def within(self, namespace: str) -> Cluster:
        """The same API server, in another namespace."""
        other = replace(self.connection, namespace=namespace)
        return Cluster(self._where, lambda _: other)

    @property
    def namespace(self) -> str:
        return self.connection.namespace

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        return self._json("GET", kind.path(namespace or self.namespace, name), kind=kind, name=name)

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest | None:
        try:
            return self.get(kind, name, namespace)
        except NoSuchThingError:
            return None

    def all(self, kind: Kind, *, labels: str = "", everywhere: bool = False, within: str = "") -> list[Manifest]:
        path = kind.path(None if everywhere else within or self.namespace)
        items: list[Manifest] = self._json("GET", path, {"labelSelector": labels} if labels else None, kind=kind)[
            "items"
        ]
        return items

    def names(self, kind: Kind, labels: str) -> list[str]:
        """The names alone: the objects' contents do not leave the API server."""
        query = {"labelSelector": labels}
        found = self._json("GET", kind.path(self.namespace), query, kind=kind, accept=NAMES_ONLY)
        return [item["metadata"]["name"] for item in found["items"] or []]

    def exists(self, kind: Kind, name: str, namespace: str | None = None) -> bool:
        """Without its contents: those of a Secret do not leave the API server."""
        path = kind.path(namespace or self.namespace, name)
        try:
            self._json("GET", path, kind=kind, name=name, accept=METADATA_ONLY)
        except NoSuchThingError:
            return False
        return True

    def create(self, kind: Kind, body: Manifest, *, dry_run: bool = False) -> Manifest:
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", **_dry(dry_run)}
        whole = {"apiVersion": kind.api_version, "kind": kind.name, **body}
        path = kind.path(self.namespace)
        return self._json("POST", path, query, body=whole, kind=kind, name=body["metadata"]["name"])

    def merge(self, kind: Kind, name: str, patch: Manifest) -> Manifest:
        path, query = kind.path(self.namespace, name), {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        return self._json("PATCH", path, query, body=patch, content=MERGE, kind=kind, name=name)

    def delete(self, kind: Kind, name: str, *, dry_run: bool = False) -> None:
        query = {"propagationPolicy": "Background", **_dry(dry_run)}
        self._json("DELETE", kind.path(self.namespace, name), query, kind=kind, name=name)

    def read(self, path: str) -> Manifest:
        """What the API server says of itself: `/version`, `/readyz?verbose` is text."""
        return self._json("GET", path)

    def pieces(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """A body as it comes, such as a log."""
        response = self._send("GET", path, query, accept="*/*", seconds=None)
        with closing(response):
            if response.status >= 400:
                self._refuse(response.status, response.read(), None, "")
            yield from response.stream(1 << 16, decode_content=True)

    def port(self, pod: str, port: int) -> AbstractContextManager[int]:
        """A port on this machine that leads to a pod's, while the context lasts."""
        from memorybank.fleet.kubernetes.forwarding import forwarded

        return forwarded(self.connection, self.namespace, pod, port)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Manifest | None = None,
        content: str = JSON,
        accept: str = JSON,
        kind: Kind | None = None,
        name: str = "",
    ) -> Manifest:
        response = self._send(method, path, query or {}, body=body, content=content, accept=accept)
        text = response.data
        if response.status >= 400:
            self._refuse(response.status, text, kind, name)
        try:
            found: Manifest = json.loads(text)
        except ValueError:
            raise SilentError(f"{self.connection.server} answers, but is no Kubernetes API server") from None
        return found

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Manifest | None = None,
        content: str = JSON,
        accept: str = JSON,
        seconds: float | None = ANSWER_SECONDS,
    ) -> Any:
        from urllib3.exceptions import HTTPError

        client, server = self.connection.client, self.connection.server
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": "memorybank-cli"}
        client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{server}{path}?{urlencode(query)}" if query else f"{server}{path}"
        try:
            return client.call_api(method, url, headers, body, _request_timeout=(CONNECT_SECONDS, seconds)).response
        except (HTTPError, OSError) as error:
            raise SilentError(f"the API server {server} does not answer: {_cause(error)}") from None
        except Exception as error:
            # The library wraps what its TLS says in an exception of its own, which is no subclass of these.
            if type(error).__module__.startswith("kubernetes."):
                raise SilentError(f"the API server {server} does not answer: {_cause(error)}") from None
            raise

    def _refuse(self, status: int, text: bytes, kind: Kind | None, name: str) -> NoReturn:
        message = _message(text)
        what = f"{kind.name} {name}".strip() if kind is not None else ""
        if status == 401:
            raise RefusedError(
                f"the API server {self.connection.server} does not accept your credentials: log in again,"
                " or choose another --context"
            )
        if status == 404 and kind is TENANT and (not name or "could not find the requested resource" in message):
            raise RefusedError("the cluster knows no MemoryBankTenant: install MemoryBank's Helm chart in it")
        if status == 404 and message.startswith("namespaces "):
            raise RefusedError(f"there is no namespace {self.namespace}: `kubectl create namespace {self.namespace}`")
        if status == 404 and kind is not None and "page not found" in message:
            raise NoSuchThingError(f"the cluster knows no {kind.name}")
        if status == 404:
            if kind is TENANT:
                message = (
                    f"there is no tenant {name} in namespace {self.namespace}: `memorybank list -A` lists all there are"
                )
            raise NoSuchThingError(message)
        if status == 409 and "already exists" in message:
            raise ExistsAlreadyError(f"{what} exists already in namespace {self.namespace}")
        if status == 409 and "has been modified" in message:
            raise OutdatedError(f"{what} was changed by somebody else just now")
        if status == 403 and "forbidden: User" in message:
            raise RefusedError(f"{message}: ask who runs the cluster for that right")
        raise RefusedError(f"the API server refuses {what}: {message}" if what else message)


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip()[:500] or "no reason is given"


def _cause(error: BaseException) -> str:
    """Of what urllib3 wraps, the innermost sentence."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _cause(reason)
    return str(reason or str(error).rpartition(": ")[2] or error)
