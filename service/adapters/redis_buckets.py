"""Buckets that several processes share, in Redis; without it, each process has its own."""

import redis

from service.adapters.breaker import Breaker
from service.adapters.memory_buckets import MemoryBuckets
from service.adapters.redis_client import make_client
from service.core.rates import Rate, Taken

_PREFIX = "vitrine:bucket:"
# One step on the server, whose clock all processes share.
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local allowed = 0
if tokens >= 1 then
  allowed = 1
  tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens),
           'at', string.format('%.17g', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {allowed, string.format('%.17g', tokens)}
"""


class RedisBuckets:
    """Satisfies `Buckets`; while Redis fails it is left alone, and this process counts alone."""

    waits = True

    def __init__(self, url: str, rate: Rate, *, rest_seconds: float = 1.0) -> None:
        """Prepare a pool of connections; nothing is opened yet.

        Args:
            url: As `redis_client.make_client` takes it.
            rate: What each name may do.
            rest_seconds: How long Redis is left alone after a failure.

        Raises:
            CacheError: The URL is none.
        """
        self.rate = rate
        self._redis = make_client(url)
        self._take = self._redis.register_script(_TAKE)
        self._alone = MemoryBuckets(rate)
        self._breaker = Breaker(rest_seconds)

    def take(self, name: str) -> Taken:
        """Take a token, if there is one."""
        if not self._breaker.allows():
            return self._alone.take(name)
        try:
            answer = self._take([_PREFIX + name], [self.rate.per_second, self.rate.burst])
        except redis.RedisError:
            self._breaker.failed()
            return self._alone.take(name)
        self._breaker.succeeded()
        allowed, tokens = answer
        return self.rate.taken(float(tokens), allowed=bool(allowed))

    def close(self) -> None:
        """Close the pool's connections."""
        self._redis.close()
