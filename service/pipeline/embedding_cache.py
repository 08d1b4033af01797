"""Vectors in a chain of caches, nearest first: version byte + little-endian float32.

A value is the vector, then the probabilities of each head; one of another version or width is as
good as absent.
"""

from collections.abc import Sequence

import numpy as np

from service.core.caching import Cache
from service.core.keys import embedding_key
from service.core.manifest import Head
from service.core.types import Seen
from service.pipeline.chain import Chain

_VERSION = b"\x02"
_FLOAT = np.dtype("<f4")


class EmbeddingCache:
    """What was seen, by (image id, bundle digest, tier); of words, by (digest, tower digest)."""

    def __init__(
        self, caches: Sequence[Cache], bundle_digest: str, dim: int, heads: Sequence[Head] = ()
    ) -> None:
        self._chain = Chain(caches, self._sound)
        self._bundle_digest = bundle_digest
        self._heads = tuple(heads)
        self._ends = np.cumsum([dim, *(len(head.labels) for head in heads)]).tolist()
        self._length = 1 + 4 * self._ends[-1]

    @property
    def degraded(self) -> bool:
        """Whether any cache of the chain is failing."""
        return self._chain.degraded

    def get_many(self, asked: Sequence[tuple[str, str]]) -> list[Seen | None]:
        """Return what was seen of each (image id, tier), or None, at the cost of one."""
        keys = [embedding_key(image_id, self._bundle_digest, tier) for image_id, tier in asked]
        values = self._chain.get_many(keys)
        return [None if value is None else self._read(value) for value in values]

    def get(self, image_id: str, tier: str = "") -> Seen | None:
        """Return what a tier saw, or None; words have no tiers."""
        (seen,) = self.get_many([(image_id, tier)])
        return seen

    def set(self, image_id: str, seen: Seen, tier: str = "") -> None:
        """Keep everywhere what a tier saw."""
        parts = [seen.vector, *(seen.heads[head.name] for head in self._heads)]
        value = b"".join([_VERSION, *(part.astype(_FLOAT, copy=False).tobytes() for part in parts)])
        self._chain.set(embedding_key(image_id, self._bundle_digest, tier), value)

    def _sound(self, key: str, value: bytes) -> bool:
        return len(value) == self._length and value[:1] == _VERSION

    def _read(self, value: bytes) -> Seen:
        numbers = np.frombuffer(value, dtype=_FLOAT, offset=1)
        vector, *heads = np.split(numbers, self._ends[:-1])
        named = zip(self._heads, heads, strict=True)
        return Seen(vector, {head.name: values for head, values in named})
