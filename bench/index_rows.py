"""What an index is measured on: seeded, clustered vectors, or jittered copies of a shop's own.

seed, count -> (count, dim) unit vectors -> rows, as a snapshot reads them of a store
--like DATA -> the vectors it serves + differences between such
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from service.adapters.snapshots import SnapshotFolder
from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Receipt, Tier
from service.core.store import VectorRows
from service.core.types import Product, StoredProduct, Vectors

DIM = 256
_BATCH = 8192
_CLUSTERS, _WAYS, _SPREAD, _NOISE = 1000, 32, 0.5, 0.1
"""Vectors vary in far fewer ways than they have dimensions, as those of pictures do."""
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)


class Rows:
    """As much of a `CatalogView` as a snapshot reads; vectors are made as they are asked for."""

    def __init__(self, count: int, like: Path | None = None) -> None:
        """Prepare `count` rows, a product each.

        Args:
            count: Of rows.
            like: A data directory whose serving vectors are jittered, of any dimension.
        """
        self._count = count
        rng = np.random.default_rng(0)
        if like is None:
            normal = rng.normal(size=(_WAYS, DIM)).astype(np.float32)
            self._directions = normal / np.sqrt(_WAYS)
            in_ways = rng.normal(size=(_CLUSTERS, _WAYS)).astype(np.float32)
            self._centres = in_ways @ self._directions
        else:
            own = _served(like)
            self._centres = own * np.sqrt(own.shape[1])
            pairs = self._centres[rng.integers(len(own), size=(2, _WAYS))]
            self._directions = (pairs[0] - pairs[1]) / np.sqrt(2 * _WAYS)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._directions.shape[1])

    def drawn(self, count: int, seed: int) -> Vectors:
        """Return (count, dim) unit vectors."""
        rng = np.random.default_rng(seed)
        vectors = self._centres[rng.integers(len(self._centres), size=count)]
        ways = rng.normal(size=(count, _WAYS)).astype(np.float32)
        vectors += _SPREAD * (ways @ self._directions)
        vectors += _NOISE * rng.normal(size=vectors.shape).astype(np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def count_rows(self, bundle_digest: str) -> int:
        """How many there are."""
        return self._count

    def count_products(self) -> int:
        """As many."""
        return self._count

    def rows(self, bundle_digest: str, batch: int) -> Iterator[VectorRows]:
        """Yield them."""
        for first in range(0, self._count, _BATCH):
            numbers = range(first, min(first + _BATCH, self._count))
            yield VectorRows(
                image_ids=[f"{n:064x}" for n in numbers],
                product_ids=[f"p{n}" for n in numbers],
                vectors=self.drawn(len(numbers), seed=first + 1),
            )

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Describe the products as a small shop does."""
        return {id_: StoredProduct(_product(id_), (), "", 1) for id_ in product_ids}

    def sequence(self) -> int:
        """Nothing was written."""
        return 0


def bundle(dim: int) -> BundleManifest:
    """Return a model that there is not, of this width."""
    return BundleManifest(
        name="bench",
        version="1",
        licence="CC0-1.0",
        dim=dim,
        image=ImageTower(tiers=(Tier(file="image.onnx", patch=16, tokens=196, gflops=1.0),)),
        preprocess=PreprocessSpec(size=224),
        files={"image.onnx": "0" * 64},
    )


def _served(data_dir: Path) -> Vectors:
    snapshots = SnapshotFolder(data_dir)
    version = snapshots.current()
    if version is None:
        raise SystemExit(f"bench: nothing is indexed in {data_dir}: run `vitrine reindex` on it")
    vectors = snapshots.load(version).vectors
    return vectors.take(np.arange(len(vectors)))


def _product(id_: str) -> Product:
    number = int(id_[1:])
    return Product(
        id=id_,
        title=f"Product {number}",
        category=f"Category {number % 97}",
        brand=f"Brand {number % 1009}",
        price=number % 500 + 0.99,
    )
