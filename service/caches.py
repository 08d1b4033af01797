"""Settings to caches: the shelves of `wiring`.

    embeddings | pictures | results -> memory, then Redis where there is one
    refused                         -> memory alone

What is in Redis is in one of its own for each, so that a large picture which takes too long rests
the pictures alone.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from service.adapters.memory_cache import MemoryCache
from service.adapters.redis_cache import RedisCache
from service.api.cache_metrics import NamedCache
from service.core.caching import Cache
from service.pipeline.recent_pictures import KEPT_SECONDS
from service.settings import Settings

_SHARED_PICTURE_BYTES = 4_000_000
"""What Redis takes within its 50 ms at a gigabit a second; larger ones stay in this process."""
_REFUSED_BYTES = 1_000_000
_REFUSED_SECONDS = 300
_NEAR, _FAR = 0.2, 0.7
"""Shares of an answer's time: one that Redis had for all of its own may be kept in memory for as
long again, and both may be a tenth longer (`core.caching.lifetime`)."""


@dataclass(frozen=True, slots=True)
class Caches:
    """Every cache of a serving process, nearest first."""

    embeddings: Sequence[Cache]
    pictures: Sequence[Cache]
    results: Sequence[Cache]
    refused: Cache

    @property
    def named(self) -> list[NamedCache]:
        """All of them, for the metrics."""
        chains = {
            "embeddings": self.embeddings,
            "pictures": self.pictures,
            "results": self.results,
            "refused": [self.refused],
        }
        return [
            NamedCache(name, level, cache)
            for name, chain in chains.items()
            for level, cache in zip(("memory", "redis"), chain, strict=False)
        ]


def make_caches(settings: Settings, stack: ExitStack) -> Caches:
    """Build them; `stack` closes what has to be."""

    def shared(make: Callable[[str], RedisCache]) -> list[RedisCache]:
        made = [make(settings.redis_url)] if settings.redis_url else []
        for each in made:
            stack.callback(each.close)
        return made

    kept = KEPT_SECONDS + settings.result_seconds  # for so long after a cached answer too
    pictures = shared(
        lambda url: RedisCache(url, ttl_seconds=kept, max_value_bytes=_SHARED_PICTURE_BYTES)
    )
    return Caches(
        embeddings=[MemoryCache(settings.memory_cache_bytes), *shared(RedisCache)],
        pictures=[MemoryCache(settings.recent_picture_bytes, kept), *pictures],
        results=_results(settings, shared),
        refused=MemoryCache(_REFUSED_BYTES, _REFUSED_SECONDS),
    )


def _results(
    settings: Settings, shared: Callable[[Callable[[str], RedisCache]], list[RedisCache]]
) -> list[Cache]:
    seconds = settings.result_seconds
    if not seconds:
        return []
    far = shared(lambda url: RedisCache(url, ttl_seconds=_FAR * seconds))
    near = _NEAR * seconds if far else (_NEAR + _FAR) * seconds
    return [MemoryCache(settings.result_cache_bytes, near), *far]
