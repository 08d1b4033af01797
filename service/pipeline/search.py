"""The query flow, top to bottom.

bytes -> digest -> cached vector | decode -> preprocess -> batcher -> vector
      -> nearest products of the live snapshot that match the filter (`selecting`)
      -> what the store says of them -> answer
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
from service.core.overlay import LiveView
from service.core.preprocess import decode_for, preprocess
from service.core.store import ProductStore
from service.core.types import Encoder, Hit, StoredProduct
from service.pipeline.batching import Batcher
from service.pipeline.decoding import Decoding
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.facets import Facet
from service.pipeline.filtering import Filtering, Kept
from service.pipeline.live_index import LiveIndex
from service.pipeline.selecting import PLAIN, Plan, SearchOptions, Selected, select


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
        sequence: Number of the catalogue's write up to which the answer knows of every live one.
        results: Best first.
        facets: Counts by field, where asked for.
        plan: How the filter was answered.
        timings: Milliseconds by stage; `cached` appears instead of decode and embed.
        degraded: What was not working, though the answer is complete.
    """

    image_id: str
    index: SnapshotManifest
    sequence: int
    results: list[Found]
    facets: dict[str, Facet]
    plan: Plan
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
    filtering: Filtering = field(default_factory=Filtering)
    decoding: Decoding = field(default_factory=Decoding)

    def by_picture(self, data: bytes, limit: int, options: SearchOptions = PLAIN) -> Answer:
        """Find the products that look most like a picture.

        Args:
            data: The encoded picture.
            limit: Products wanted, at least 1.
            options: Which products, and in what order.

        Raises:
            InvalidImageError: The bytes are no picture that is accepted.
            InvalidFilterError: The filter or a facet asks of a field what it cannot answer.
            IndexUnavailableError: Nothing was indexed yet.
            OverloadedError: Too many pictures are waiting to be decoded.
        """
        snapshot = self.live.snapshot()
        clock = _Clock()
        kept = self._kept(snapshot, options, clock)  # before the picture, which costs much more
        embedding = self._embed(data, clock)
        selected, results = self._found(snapshot, embedding.vector, limit, options, kept, clock)
        return Answer(
            image_id=embedding.image_id,
            index=snapshot.manifest,
            sequence=snapshot.sequence,
            results=results,
            facets=selected.facets,
            plan=selected.plan,
            timings=clock.milliseconds,
            degraded=["cache"] if self.cache.degraded else [],
        )

    def by_vector(
        self, vector: NDArray[np.float32], limit: int, options: SearchOptions = PLAIN
    ) -> list[Found]:
        """Find the products nearest to a (dim,) unit vector, a text's for one, best first.

        Raises:
            IndexUnavailableError: Nothing was indexed yet.
            InvalidFilterError: The filter or a facet asks of a field what it cannot answer.
        """
        snapshot, clock = self.live.snapshot(), _Clock()
        kept = self._kept(snapshot, options, clock)
        return self._found(snapshot, vector, limit, options, kept, clock)[1]

    def embed(self, data: bytes) -> Embedding:
        """Embed a picture as a query; raises as `by_picture`."""
        return self._embed(data, _Clock())

    def _kept(self, snapshot: LiveView, options: SearchOptions, clock: _Clock) -> Kept | None:
        for key in options.facets:
            snapshot.fields.values(key, np.empty(0, np.int32))  # raises where there is none
        if not options.filter:
            return None
        with clock.stage("filter"):
            return self.filtering.kept(snapshot, options.filter)

    def _found(
        self,
        snapshot: LiveView,
        vector: NDArray[np.float32],
        limit: int,
        options: SearchOptions,
        kept: Kept | None,
        clock: _Clock,
    ) -> tuple[Selected, list[Found]]:
        with clock.stage("search"):
            selected = select(snapshot, vector, limit, options, kept)
        with clock.stage("products"):
            stored = self.store.get_many([hit.product_id for hit in selected.hits])
        # A product deleted since, of which the snapshot was not told yet, is not shown.
        shown = [Found(h, stored[h.product_id]) for h in selected.hits if h.product_id in stored]
        return selected, shown

    def _embed(self, data: bytes, clock: _Clock) -> Embedding:
        image_id = image_digest(data)
        with clock.stage("cached"):
            vector = self.cache.get(image_id)
        if vector is None:
            del clock.milliseconds["cached"]
            with clock.stage("decode"), self.decoding.turn():
                spec = self.encoder.manifest.preprocess
                pixels = preprocess(spec, decode_for(spec, data, self.limits))
            with clock.stage("embed"):
                vector = self.batcher.encode(pixels)
            self.cache.set(image_id, vector)
        return Embedding(image_id, vector)
