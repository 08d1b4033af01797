"""Caches one behind the other, nearest first: memory, then Redis.

get -> nearest that has a sound value -> copied to those before it
set -> all of them
"""

from collections.abc import Callable, Sequence

from service.core.caching import Cache

Sound = Callable[[str, bytes], bool]
"""Whether the value of a key is one of ours; a shared cache may be written by others."""


class Chain:
    """Several caches as one; one that fails is gone around."""

    def __init__(self, caches: Sequence[Cache], sound: Sound) -> None:
        """Join caches; a value that is not `sound` is as good as absent."""
        self._caches = tuple(caches)
        self._sound = sound

    @property
    def degraded(self) -> bool:
        """Whether any of them is failing."""
        return any(cache.degraded for cache in self._caches)

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        (value,) = self.get_many([key])
        return value

    def get_many(self, keys: Sequence[str], *, beyond: int = 0) -> list[bytes | None]:
        """Return the values in order, asking each cache once for what those before it lack.

        The first `beyond` caches were asked before, and are given what is found further away.
        """
        found: dict[str, bytes] = {}
        for depth, cache in enumerate(self._caches[beyond:], start=beyond):
            wanted = [key for key in dict.fromkeys(keys) if key not in found]
            if not wanted:
                break
            for key, value in zip(wanted, cache.get_many(wanted), strict=True):
                if value is None or not self._sound(key, value):
                    continue
                found[key] = value
                for nearer in self._caches[:depth]:
                    nearer.set(key, value)
        return [found.get(key) for key in keys]

    def near(self, key: str) -> bytes | None:
        """Return what the nearest alone has, which never waits for another machine."""
        value = self._caches[0].get(key) if self._caches else None
        return value if value is not None and self._sound(key, value) else None

    def set(self, key: str, value: bytes) -> None:
        """Keep it everywhere."""
        for cache in self._caches:
            cache.set(key, value)

    def set_near(self, key: str, value: bytes) -> None:
        """Keep it in the nearest alone."""
        for cache in self._caches[:1]:
            cache.set(key, value)
