"""The check that stands before every route but the probes: a known key, its scope, its rate."""

from collections.abc import Awaitable, Callable

from fastapi import Request

from memorybank_service.http.access import SCOPES, Key, KeyRing
from memorybank_service.http.problems import Problem
from memorybank_service.http.rate_limit import RateLimiter

_ANYONE = Key("anyone", b"", SCOPES)
_SCHEMES = ("bearer", "token")  # mem0's client says Token


class Gate:
    def __init__(self, keys: KeyRing, limiter: RateLimiter) -> None:
        self._keys, self._limiter = keys, limiter

    @property
    def open_to_all(self) -> bool:
        """No key is asked for."""
        return self._keys.open_to_all

    def identify(self, authorization: str | None) -> Key:
        """The key of the request. Raises Problem 401."""
        return _ANYONE if self._keys.open_to_all else self._known(authorization)

    def admit(self, key: Key, scope: str) -> None:
        """Raises Problem 403 where the key lacks the scope, 429 where it has used up its rate."""
        if scope not in key.scopes:
            raise Problem(403, "forbidden", f"The key {key.name!r} does not have the scope {scope!r}.")
        self.count(key)

    def count(self, key: Key) -> None:
        """One request more. Raises Problem 429 where the key has used up its rate."""
        if (seconds := self._limiter.wait_needed(key.name, self._keys.access.rate_limit)) > 0:
            raise Problem(
                429,
                "too-many-requests",
                f"The key {key.name!r} has used up its rate; try again in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )

    def _known(self, authorization: str | None) -> Key:
        scheme, _, presented = (authorization or "").partition(" ")
        key = self._keys.find(presented.strip()) if scheme.lower() in _SCHEMES else None
        if key is None:
            detail = "A valid key is needed: send `Authorization: Bearer KEY`."
            raise Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
        return key


def require(scope: str) -> Callable[[Request], Awaitable[None]]:
    """A route's dependency on a key of this scope."""

    async def check(request: Request) -> None:
        gate: Gate = request.app.state.gate
        request.state.scope = scope
        request.state.key = gate.identify(request.headers.get("authorization"))
        gate.admit(request.state.key, scope)

    return check


async def known(request: Request) -> None:
    """A route's dependency on any key."""
    gate: Gate = request.app.state.gate
    request.state.key = gate.identify(request.headers.get("authorization"))
    gate.count(request.state.key)
