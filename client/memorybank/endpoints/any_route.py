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
) -> Call[Any]:
    """Sends JSON to a path and returns the JSON that is answered, with the retries of all the other methods."""
    if not path.startswith("/"):
        raise ValueError(f"a path begins with a slash, unlike {path!r}")
    return Call(
        method.upper(),
        path,
        lambda answer: answer,
        query=query or {},
        body=body,
        writes=method.upper() not in {"GET", "HEAD", "OPTIONS"},
        idempotency_key=idempotency_key,
    )
