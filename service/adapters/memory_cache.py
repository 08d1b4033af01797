"""The in-process cache: least recently used goes first, bounded in bytes and, if asked, in time."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock


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
            max_bytes: Of all values; what alone is larger is not kept.
            ttl_seconds: How long a value is kept after it was last set.
            now: Seconds that pass.
        """
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._now = now
        self._bytes = 0
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._lock = Lock()

    @property
    def degraded(self) -> bool:
        """Never: memory does not fail."""
        return False

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        with self._lock:
            value, until = self._values.get(key, (None, math.inf))
            if value is None:
                return None
            if until <= self._now():
                self._drop(key)
                return None
            self._values.move_to_end(key)
            return value

    def set(self, key: str, value: bytes) -> None:
        """Keep the value if it fits, dropping the least recently used ones to make room."""
        with self._lock:
            if key in self._values:
                self._drop(key)
            if len(value) > self._max_bytes:
                return
            now = self._now()
            while self._values and next(iter(self._values.values()))[1] <= now:
                self._drop(next(iter(self._values)))
            self._bytes += len(value)
            self._values[key] = value, now + self._ttl_seconds
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._values)))

    def _drop(self, key: str) -> None:
        self._bytes -= len(self._values.pop(key)[0])
