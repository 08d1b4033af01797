"""What the caches of a process did and hold, read when Prometheus asks.

Cache.counts -> vitrine_cache_<what>{cache, level}
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.core.caching import BreakerState, Cache, CacheCounts

_LABELS = ("cache", "level")
_BREAKER: dict[BreakerState, int] = {"closed": 0, "half_open": 1, "open": 2}
_COUNTERS: dict[str, tuple[str, Callable[[CacheCounts], int]]] = {
    "hits": ("Values found.", lambda counts: counts.hits),
    "misses": ("Keys asked for that had no value.", lambda counts: counts.misses),
    "evictions": ("Values that made room for others.", lambda counts: counts.evictions),
    "failures": ("Times that the cache did not answer.", lambda counts: counts.failures),
}
_GAUGES: dict[str, tuple[str, Callable[[CacheCounts], int | None]]] = {
    "entries": ("Values held; Redis tells its own.", lambda counts: counts.entries),
    "bytes": ("What these take, keys and bookkeeping too.", lambda counts: counts.bytes),
    "breaker": (
        "0 while the cache is asked, 1 while one caller tries it, 2 while it is left alone.",
        lambda counts: None if counts.breaker is None else _BREAKER[counts.breaker],
    ),
}


@dataclass(frozen=True, slots=True)
class NamedCache:
    """A cache, what is in it, and how far away it is: `memory` or `redis`."""

    name: str
    level: str
    cache: Cache


class CacheCollector(Collector):
    """Tells of every cache; keeps nothing itself."""

    def __init__(self, caches: Sequence[NamedCache]) -> None:
        self._caches = tuple(caches)

    def collect(self) -> Iterator[Metric]:
        """Yield a family a figure."""
        found = [((each.name, each.level), each.cache.counts) for each in self._caches]
        for name, (told, count) in _COUNTERS.items():
            family = CounterMetricFamily(f"vitrine_cache_{name}", told, labels=_LABELS)
            for labels, counts in found:
                family.add_metric(labels, count(counts))
            yield family
        for name, (told, value_of) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"vitrine_cache_{name}", told, labels=_LABELS)
            for labels, counts in found:
                if (value := value_of(counts)) is not None:
                    gauge.add_metric(labels, value)
            yield gauge
