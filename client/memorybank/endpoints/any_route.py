"""Any route, for what a newer service has and this client does not name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memorybank.call import Call


def request(
    method: str,
    path: str,
    body: Any = None,
    *,
    query: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Call[dict[str, Any]]:
    """Sends JSON to a path and returns the JSON that is answered, with the retries of all the other methods."""
    if not path.startswith("/"):
        raise ValueError(f"a path begins with a slash, unlike {path!r}")
    writes = method.upper() not in {"GET", "HEAD", "OPTIONS"}
    return Call(
        method.upper(), path, dict, query=query or {}, body=body, writes=writes, idempotency_key=idempotency_key
    )
