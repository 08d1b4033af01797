"""Vectors in a chain of caches, nearest first: version byte + little-endian float32.

A value found further away is copied to the nearer ones; a value of another version or width is as
good as absent.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.core.keys import embedding_key
from service.core.types import Cache

_VERSION = b"\x01"


class EmbeddingCache:
    """Vectors by (image id, bundle digest)."""

    def __init__(self, caches: Sequence[Cache], bundle_digest: str, dim: int) -> None:
        self._caches = tuple(caches)
        self._bundle_digest = bundle_digest
        self._length = 1 + 4 * dim

    @property
    def degraded(self) -> bool:
        """Whether any cache of the chain is failing."""
        return any(cache.degraded for cache in self._caches)

    def get(self, image_id: str) -> NDArray[np.float32] | None:
        """Return the (dim,) vector, or None."""
        key = embedding_key(image_id, self._bundle_digest)
        for depth, cache in enumerate(self._caches):
            value = cache.get(key)
            if value is None or len(value) != self._length or value[:1] != _VERSION:
                continue
            for nearer in self._caches[:depth]:
                nearer.set(key, value)
            return np.frombuffer(value, dtype="<f4", offset=1)
        return None

    def set(self, image_id: str, vector: NDArray[np.float32]) -> None:
        """Keep the (dim,) vector everywhere."""
        value = _VERSION + vector.astype("<f4").tobytes()
        for cache in self._caches:
            cache.set(embedding_key(image_id, self._bundle_digest), value)
