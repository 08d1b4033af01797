"""The in-process cache: least recently used goes first, bounded in bytes and, if asked, in time."""

import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

from service.core.caching import CacheCounts, lifetime

ENTRY_BYTES = 180
"""What holding a value takes beside it and its key: places in the table and in the order of use, a
tuple, its time (measured with tracemalloc over 20,000 values)."""


class MemoryCache:
    """Satisfies `Cache`; safe to use from several threads."""

    def __init__(
        self,
        max_bytes: int,
        ttl_seconds: float = math.inf,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start empty.

        Args:
            max_bytes: Of all values, their keys and what holding them takes; what alone is larger
                is not kept.
            ttl_seconds: How long a value is kept at least after it was last set, where there is
                room (`core.caching.lifetime`).
            now: Seconds that pass.
        """
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._now = now
        self._bytes = 0
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._lock = Lock()
        self._hits = self._misses = self._evictions = 0

    @property
    def degraded(self) -> bool:
        """Never: memory does not fail."""
        return False

    @property
    def counts(self) -> CacheCounts:
        """What it did, and holds; what is over counts until somebody comes upon it."""
        with self._lock:
            return CacheCounts(
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                entries=len(self._values),
                bytes=self._bytes,
            )

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        with self._lock:
            value = self._find(key)
            if value is None:
                self._misses += 1
            else:
                self._hits += 1
            return value

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values, or None for each."""
        return [self.get(key) for key in keys]

    def set(self, key: str, value: bytes) -> None:
        """Keep the value if it fits, dropping the least recently used ones to make room."""
        until = self._now() + lifetime(self._ttl_seconds, key)
        with self._lock:
            if key in self._values:
                self._drop(key)
            size = _size(key, value)
            if size > self._max_bytes:
                return
            self._bytes += size
            self._values[key] = value, until
            self._make_room()

    def _find(self, key: str) -> bytes | None:
        value, until = self._values.get(key, (None, math.inf))
        if value is not None and until <= self._now():
            self._drop(key)
            return None
        if value is not None:
            self._values.move_to_end(key)
        return value

    def _make_room(self) -> None:
        """Drop what is over, as far as it comes first, then what was used least lately."""
        now = self._now()
        while self._values:
            key, (_, until) = next(iter(self._values.items()))
            if until > now and self._bytes <= self._max_bytes:
                return
            self._evictions += until > now
            self._drop(key)

    def _drop(self, key: str) -> None:
        self._bytes -= _size(key, self._values.pop(key)[0])


def _size(key: str, value: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(value) + ENTRY_BYTES
