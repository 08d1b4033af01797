"""A small shop of fakes, indexed by the real catalogue flow, and a search over it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from service.core.image import ImageLimits
from service.core.types import CatalogRow, ImageRef, Product, Vectors
from service.pipeline.batching import Batcher
from service.pipeline.embedder import Embedder
from service.pipeline.embedding_cache import EmbeddingCache
from service.pipeline.live_index import LiveIndex
from service.pipeline.looking import Looking
from service.pipeline.recent_pictures import RecentPictures
from service.pipeline.reindex import Reindex, ReindexOptions
from service.pipeline.search import Search
from service.pipeline.texts import TextSide
from service.pipeline.tiering import Tiers
from support.fake_store import FakeProductStore
from support.fakes import (
    FakeCache,
    FakeEncoder,
    FakeFetcher,
    FakeSnapshots,
    FakeSource,
    FakeThumbnails,
)
from support.pictures import encoded, photo


@cache
def picture(seed: int) -> bytes:
    """Seeds from 100 are all but picture 1."""
    if seed >= 100:
        return encoded(photo(seed - 40, 40 + seed % 3, seed=1), "PNG")
    return encoded(photo(60, 40, seed=seed), "PNG")


class FakeWords:
    """Satisfies `TextEncoder`: each text its own direction; `texts` keeps what it was asked."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self.texts: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.texts.append(list(texts))
        rows = [np.random.default_rng(list(text.encode())).normal(size=self._dim) for text in texts]
        vectors = np.array(rows, np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(text.split()) for text in texts)


@dataclass
class Shop:
    """A search and what it is made of."""

    search: Search
    encoder: FakeEncoder
    store: FakeProductStore
    cache: FakeCache
    snapshots: FakeSnapshots
    live: LiveIndex
    recent: FakeCache
    words: FakeWords
    links: FakeFetcher

    def replace_tiers(self, tiers: Tiers) -> None:
        """Let others look at query pictures."""
        embedder = self.search.embedder
        looking = replace(embedder.looking, tiers=tiers)
        self.search = replace(self.search, embedder=replace(embedder, looking=looking))

    def index(self, catalog: dict[str, list[int]]) -> None:
        """Reindex a catalogue of product -> seeds of its pictures, dropping all others."""
        rows = [
            CatalogRow(Product(id_, title=f"Product {id_}"), ImageRef(data=picture(seed)))
            for id_, seeds in catalog.items()
            for seed in seeds
        ]
        Reindex(self.encoder, self.store, FakeThumbnails(), self.snapshots, FakeFetcher()).run(
            FakeSource(rows), ReindexOptions(delete_missing=True)
        )
        self.live.refresh()


def make_shop(*, heads: bool = False, words: bool = False, links: bool = False) -> Shop:
    """An empty shop.

    Args:
        heads: Its model says which colour prevails, and is calibrated.
        words: It has a text tower.
        links: It fetches what `Shop.links` has.
    """
    encoder, store, cache = FakeEncoder(heads=heads), FakeProductStore(), FakeCache()
    snapshots = FakeSnapshots()
    live = LiveIndex(snapshots, store, encoder.manifest)
    recent, fetcher, dim = FakeCache(), FakeFetcher(), encoder.manifest.dim
    looking = Looking(
        tiers=Tiers(encoder),
        batcher=Batcher(encoder),
        cache=EmbeddingCache([cache], encoder.bundle_digest, dim, encoder.manifest.heads),
        recent=RecentPictures([recent]),
        stored=store,
        limits=ImageLimits(),
        fetcher=fetcher if links else None,
    )
    tower = FakeWords(dim)
    texts = TextSide(tower, EmbeddingCache([cache], "t" * 64, dim)) if words else None
    search = Search(encoder, Embedder(looking, store, texts), live, store)
    return Shop(search, encoder, store, cache, snapshots, live, recent, tower, fetcher)
