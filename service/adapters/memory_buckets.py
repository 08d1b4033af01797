"""Buckets of this process alone."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from service.core.rates import Rate, Taken

_MAX_NAMES = 10_000


class MemoryBuckets:
    """Satisfies `Buckets`; the least recently used go first, which makes them full again."""

    waits = False

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any; `clock` tells seconds."""
        self.rate = rate
        self._clock = clock
        self._lock = Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, when

    def take(self, name: str) -> Taken:
        """Take a token, if there is one."""
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.pop(name, (float(self.rate.burst), now))
            tokens = self.rate.refilled(tokens, now - at)
            allowed = tokens >= 1
            tokens -= allowed
            self._buckets[name] = tokens, now
            if len(self._buckets) > _MAX_NAMES:
                self._buckets.popitem(last=False)
        return self.rate.taken(tokens, allowed=allowed)
