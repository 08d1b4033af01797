"""Vectors in a chain of caches, nearest first: version byte + little-endian float32.

A value is the vector, then the probabilities of each head. One found further away is copied to the
nearer ones; one of another version or width is as good as absent.
"""

from collections.abc import Sequence

import numpy as np

from service.core.keys import embedding_key
from service.core.manifest import Head
from service.core.types import Cache, Seen

_VERSION = b"\x02"


class EmbeddingCache:
    """What was seen, by (image id, bundle digest, tier); of words, by (digest, tower digest)."""

    def __init__(
        self, caches: Sequence[Cache], bundle_digest: str, dim: int, heads: Sequence[Head] = ()
    ) -> None:
        self._caches = tuple(caches)
        self._bundle_digest = bundle_digest
        self._heads = tuple(heads)
        self._ends = np.cumsum([dim, *(len(head.labels) for head in heads)]).tolist()
        self._length = 1 + 4 * self._ends[-1]

    @property
    def degraded(self) -> bool:
        """Whether any cache of the chain is failing."""
        return any(cache.degraded for cache in self._caches)

    def get(self, image_id: str, tier: str = "") -> Seen | None:
        """Return what a tier saw, or None; words have no tiers."""
        key = embedding_key(image_id, self._bundle_digest, tier)
        for depth, cache in enumerate(self._caches):
            value = cache.get(key)
            if value is None or len(value) != self._length or value[:1] != _VERSION:
                continue
            for nearer in self._caches[:depth]:
                nearer.set(key, value)
            numbers = np.frombuffer(value, dtype="<f4", offset=1)
            vector, *heads = np.split(numbers, self._ends[:-1])
            named = zip(self._heads, heads, strict=True)
            return Seen(vector, {head.name: values for head, values in named})
        return None

    def set(self, image_id: str, seen: Seen, tier: str = "") -> None:
        """Keep everywhere what a tier saw."""
        parts = [seen.vector, *(seen.heads[head.name] for head in self._heads)]
        value = _VERSION + np.concatenate(parts).astype("<f4").tobytes()
        key = embedding_key(image_id, self._bundle_digest, tier)
        for cache in self._caches:
            cache.set(key, value)
