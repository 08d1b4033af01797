"""The in-process cache: least recently used goes first, bounded in bytes."""

from collections import OrderedDict
from threading import Lock


class MemoryCache:
    """Satisfies `Cache`; safe to use from several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    @property
    def degraded(self) -> bool:
        """Never: memory does not fail."""
        return False

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def set(self, key: str, value: bytes) -> None:
        """Keep the value if it fits, dropping the least recently used ones to make room."""
        with self._lock:
            self._bytes -= len(self._values.pop(key, b""))
            if len(value) > self._max_bytes:
                return
            self._bytes += len(value)
            self._values[key] = value
            while self._bytes > self._max_bytes:
                _, dropped = self._values.popitem(last=False)
                self._bytes -= len(dropped)
