"""How many requests a key may make: a bucket of tokens a key, refilled steadily."""

import math
from collections.abc import Callable

from memorybank_service.http.access import RateLimit


class RateLimiter:
    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: dict[str, tuple[float, float]] = {}  # by key: tokens, and when they were counted

    def wait_needed(self, key: str, limit: RateLimit) -> int:
        """Takes a token and returns 0; or the whole seconds after which there is one."""
        if limit.requests_per_second == 0:
            return 0
        now = self._monotonic()
        tokens, counted = self._buckets.get(key, (float(limit.burst), now))
        tokens = min(limit.burst, tokens + (now - counted) * limit.requests_per_second)
        if tokens < 1:
            self._buckets[key] = tokens, now
            return max(1, math.ceil((1 - tokens) / limit.requests_per_second))
        self._buckets[key] = tokens - 1, now
        return 0
