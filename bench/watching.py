"""When something happened in the cluster, by a watch that was open before it did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Any

import urllib3
from kubernetes import dynamic, watch

Object = dict[str, Any]


class Watching:
    """Notes every state of the objects of one kind in one namespace, with the moment it was seen."""

    def __init__(self, client: dynamic.DynamicClient, api_version: str, kind: str, namespace: str) -> None:
        self._resource = client.resources.get(api_version=api_version, kind=kind)
        self._namespace = namespace
        self._seen: list[tuple[float, str, Object]] = []
        self._changed = threading.Condition()
        self._watcher = watch.Watch()
        self._stopping = False
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Watching:
        start = self._resource.get(namespace=self._namespace).metadata.resourceVersion
        self._start = start
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._watcher.stop()
        self._thread.join()

    def moment(self, what: str, is_so: Callable[[str, Object], bool], since: float, seconds: float = 120.0) -> float:
        """The seconds from `since` (of `perf_counter`) until a state was seen of which `is_so` holds."""

        def found() -> float | None:
            return next((at - since for at, event, state in self._seen if at > since and is_so(event, state)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, timeout=seconds)
            answer = found()
        if answer is None:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        return answer

    def _follow(self) -> None:
        stream = self._resource.watch(
            namespace=self._namespace, resource_version=self._start, watcher=self._watcher, timeout=3600
        )
        try:
            for event in stream:
                with self._changed:
                    self._seen.append((perf_counter(), event["type"], event["raw_object"]))
                    self._changed.notify_all()
        except (urllib3.exceptions.ProtocolError, TypeError):
            if not self._stopping:  # else we have closed the connection under the client, which trips over that
                raise
