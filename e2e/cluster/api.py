"""Asks an API server how it is, without kubectl: the few questions that starting a cluster takes."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from e2e.cluster.errors import ClusterError

POLL_SECONDS = 0.05


class Api:
    """GET on one API server as the holder of the certificate admin.crt in `pki`."""

    def __init__(self, url: str, pki: Path) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 443
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def get(self, path: str) -> str | None:
        """The answer's text; None for an error or no answer."""
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=5, context=self._context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
            return text if answer.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        text = self.get(path)
        return None if text is None else json.loads(text)


def until(what: str, holds: Callable[[], object], seconds: float, hint: Callable[[], str] = str) -> None:
    """Waits for what no watch announces. Raises ClusterError with `what` and the hint when it takes too long."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise ClusterError(f"{what}: not within {seconds:.0f} s. {hint()}".strip())
        time.sleep(POLL_SECONDS)
