"""A client of Redis that gives up soon: tens of milliseconds, and nothing is retried."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.core.errors import CacheError

_TIMEOUT_SECONDS = 0.05


def make_client(url: str) -> redis.Redis:
    """Prepare a pool of connections; nothing is opened yet.

    Args:
        url: `redis://[:password@]host:port/db`, `rediss://` or `unix://`.

    Raises:
        CacheError: The URL is none.
    """
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        # An option that redis-py does not know shows only when a connection is made.
        client.connection_pool.make_connection()
    except (ValueError, TypeError) as exc:
        raise CacheError(f"not a Redis URL: {exc}") from exc
    return client
