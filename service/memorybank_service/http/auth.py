"""The check that stands before every route but the probes: a known key, its rate, its scope."""

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

    def admit(self, key: Key, scope: str | None) -> None:
        """Raises Problem 429 where the key has used up its rate, 403 where it lacks the scope: that counts too."""
        self.count(key)
        if scope is not None and scope not in key.scopes:
            raise Problem(403, "forbidden", f"The key {key.name!r} does not have the scope {scope!r}.")

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


class Needed:
    """A route's dependency on a key; what a request has passed once it does not pass again."""

    def __init__(self, scope: str | None) -> None:
        """None: any key will do."""
        self._scope = scope

    async def __call__(self, request: Request) -> None:
        self.check(request)

    def check(self, request: Request) -> None:
        """Raises Problem 401, 403, 429."""
        state = request.state
        if getattr(state, "is_admitted", False):
            return
        if self._scope is not None:
            state.scope = self._scope
        gate: Gate = request.app.state.gate
        state.key = gate.identify(request.headers.get("authorization"))
        gate.admit(state.key, self._scope)
        state.is_admitted = True


def require(scope: str) -> Needed:
    """A route's dependency on a key of this scope."""
    return Needed(scope)


known = Needed(None)
"""A route's dependency on any key."""
