"""The query flow, top to bottom.

bytes -> digest -> cached vector | decode -> preprocess -> batcher -> vector
      -> nearest rows of the live snapshot -> best picture per product -> products -> answer
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.core.image import ImageLimits
from service.core.keys import image_digest
from service.core.manifest import SnapshotManifest
from service.core.preprocess import decode_for, preprocess
from service.core.ranking import best_per_product
from service.core.types import Encoder, Hit, ProductStore, Snapshot, StoredProduct
from service.pipeline.batching import Batcher
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.live_index import LiveIndex


@dataclass(frozen=True, slots=True)
class Found:
    """One product of an answer."""

    hit: Hit
    stored: StoredProduct


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, and what it took.

    Attributes:
        image_id: Of the query picture.
        index: Manifest of the snapshot that answered.
        results: Best first.
        timings: Milliseconds by stage; `cached` appears instead of decode and embed.
        degraded: What was not working, though the answer is complete.
    """

    image_id: str
    index: SnapshotManifest
    results: list[Found]
    timings: dict[str, float]
    degraded: list[str]


@dataclass(frozen=True, slots=True)
class Embedding:
    """A query picture's vector, (dim,) of unit length."""

    image_id: str
    vector: NDArray[np.float32]


@dataclass(slots=True)
class _Clock:
    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.milliseconds[name] = round((time.perf_counter() - start) * 1000, 3)


@dataclass(frozen=True, slots=True)
class Search:
    """Everything the query flow needs; safe to call from several threads."""

    encoder: Encoder
    batcher: Batcher
    cache: EmbeddingCache
    live: LiveIndex
    store: ProductStore
    limits: ImageLimits

    def by_picture(self, data: bytes, limit: int) -> Answer:
        """Find the products that look most like a picture.

        Args:
            data: The encoded picture.
            limit: Products wanted, at least 1.

        Raises:
            InvalidImageError: The bytes are no picture that is accepted.
            IndexUnavailableError: Nothing was indexed yet.
        """
        snapshot = self.live.snapshot()
        clock = _Clock()
        embedding = self._embed(data, clock)
        return Answer(
            image_id=embedding.image_id,
            index=snapshot.manifest,
            results=self._found(snapshot, embedding.vector, limit, clock),
            timings=clock.milliseconds,
            degraded=["cache"] if self.cache.degraded else [],
        )

    def by_vector(self, vector: NDArray[np.float32], limit: int) -> list[Found]:
        """Find the products nearest to a (dim,) unit vector, a text's for one, best first.

        Raises:
            IndexUnavailableError: Nothing was indexed yet.
        """
        return self._found(self.live.snapshot(), vector, limit, _Clock())

    def embed(self, data: bytes) -> Embedding:
        """Embed a picture as a query; raises as `by_picture`."""
        return self._embed(data, _Clock())

    def _found(
        self, snapshot: Snapshot, vector: NDArray[np.float32], limit: int, clock: _Clock
    ) -> list[Found]:
        with clock.stage("search"):
            hits = nearest_products(snapshot, vector, limit)
        with clock.stage("products"):
            stored = self.store.get_many([hit.product_id for hit in hits])
        # A product deleted since the snapshot was built is not shown.
        return [Found(h, stored[h.product_id]) for h in hits if h.product_id in stored]

    def _embed(self, data: bytes, clock: _Clock) -> Embedding:
        image_id = image_digest(data)
        with clock.stage("cached"):
            vector = self.cache.get(image_id)
        if vector is None:
            del clock.milliseconds["cached"]
            with clock.stage("decode"):
                spec = self.encoder.manifest.preprocess
                pixels = preprocess(spec, decode_for(spec, data, self.limits))
            with clock.stage("embed"):
                vector = self.batcher.encode(pixels)
            self.cache.set(image_id, vector)
        return Embedding(image_id, vector)


def nearest_products(snapshot: Snapshot, vector: NDArray[np.float32], limit: int) -> list[Hit]:
    """Return up to `limit` distinct products, asking for more rows until there are that many."""
    rows = len(snapshot.index)
    wanted = 2 * limit
    while rows:
        similarities, found = snapshot.index.search(vector[np.newaxis], min(wanted, rows))
        hits = best_per_product(similarities[0], found[0], snapshot.image_ids, snapshot.product_ids)
        if len(hits) >= limit or wanted >= rows:
            return hits[:limit]
        wanted *= 4
    return []
