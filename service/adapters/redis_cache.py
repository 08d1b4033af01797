"""The shared cache: Redis, which may only ever make things faster.

Timeouts are tens of milliseconds and nothing is retried. After a failure Redis is left alone for a
while, so that a dead server costs one timeout a second and not one a request.
"""

import time

import redis

from service.adapters.redis_client import make_client


class RedisCache:
    """Satisfies `Cache`; fails open."""

    def __init__(
        self,
        url: str,
        *,
        ttl_seconds: int = 7 * 24 * 3600,
        rest_seconds: float = 1.0,
        max_value_bytes: int = 1_000_000,
    ) -> None:
        """Prepare a pool of connections; nothing is opened yet.

        Args:
            url: As `redis_client.make_client` takes it.
            ttl_seconds: How long a value is kept.
            rest_seconds: How long Redis is left alone after a failure.
            max_value_bytes: A larger value is not kept: the time-out would not suffice for it.

        Raises:
            CacheError: The URL is none.
        """
        self._redis = make_client(url)
        self._ttl_seconds = ttl_seconds
        self._rest_seconds = rest_seconds
        self._max_value_bytes = max_value_bytes
        self._down_until = 0.0

    @property
    def degraded(self) -> bool:
        """Whether Redis failed just now and is being left alone."""
        return time.monotonic() < self._down_until

    def get(self, key: str) -> bytes | None:
        """Return the value, or None where it is absent or Redis does not answer."""
        if self.degraded:
            return None
        try:
            value = self._redis.get(key)
        except redis.RedisError:
            self._rest()
            return None
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: bytes) -> None:
        """Keep the value if Redis answers."""
        if self.degraded or len(value) > self._max_value_bytes:
            return
        try:
            self._redis.set(key, value, ex=self._ttl_seconds)
        except redis.RedisError:
            self._rest()

    def close(self) -> None:
        """Close the pool's connections."""
        self._redis.close()

    def _rest(self) -> None:
        self._down_until = time.monotonic() + self._rest_seconds
