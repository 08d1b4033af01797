"""The shared cache: Redis, which may only ever make things faster.

Timeouts are tens of milliseconds and nothing is retried. After a failure Redis is left alone for a
while (`breaker`), so that a dead server costs one timeout a second and not one a request.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

import redis

from service.adapters.breaker import Breaker
from service.adapters.redis_client import make_client
from service.core.caching import CacheCounts, lifetime

_T = TypeVar("_T")


class RedisCache:
    """Satisfies `Cache`; fails open."""

    def __init__(
        self,
        url: str,
        *,
        ttl_seconds: float = 7 * 24 * 3600,
        rest_seconds: float = 1.0,
        max_value_bytes: int = 1_000_000,
    ) -> None:
        """Prepare a pool of connections; nothing is opened yet.

        Args:
            url: As `redis_client.make_client` takes it.
            ttl_seconds: How long a value is kept at least (`core.caching.lifetime`), where Redis
                has room.
            rest_seconds: How long Redis is left alone after a failure.
            max_value_bytes: A larger value is not kept: the time-out would not suffice for it.

        Raises:
            CacheError: The URL is none.
        """
        self._redis = make_client(url)
        self._ttl_seconds = ttl_seconds
        self._max_value_bytes = max_value_bytes
        self._breaker = Breaker(rest_seconds)
        self._lock = Lock()
        self._hits = self._misses = self._failures = 0

    @property
    def degraded(self) -> bool:
        """Whether Redis failed just now and is being left alone."""
        return self._breaker.state == "open"

    @property
    def counts(self) -> CacheCounts:
        """What it did; what it holds is the server's to tell."""
        with self._lock:
            return CacheCounts(
                hits=self._hits,
                misses=self._misses,
                failures=self._failures,
                breaker=self._breaker.state,
            )

    def get(self, key: str) -> bytes | None:
        """Return the value, or None where it is absent or Redis does not answer."""
        (value,) = self.get_many([key])
        return value

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values, all in one round trip."""
        answer = self._asked(lambda: self._redis.mget(keys)) if keys else []
        values = [_bytes(value) for value in answer or [None] * len(keys)]
        hits = len(values) - values.count(None)
        with self._lock:
            self._hits += hits
            self._misses += len(values) - hits
        return values

    def set(self, key: str, value: bytes) -> None:
        """Keep the value if Redis answers."""
        if len(value) <= self._max_value_bytes:
            milliseconds = round(1000 * lifetime(self._ttl_seconds, key))
            self._asked(lambda: self._redis.set(key, value, px=milliseconds))

    def close(self) -> None:
        """Close the pool's connections."""
        self._redis.close()

    def _asked(self, call: Callable[[], _T]) -> _T | None:
        """Return what Redis says, or None where it is left alone, or fails."""
        if not self._breaker.allows():
            return None
        try:
            answer = call()
        except redis.RedisError:
            self._breaker.failed()
            with self._lock:
                self._failures += 1
            return None
        self._breaker.succeeded()
        return answer


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
