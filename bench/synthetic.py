"""A data directory of many products without a picture's bytes: the store as a reindex leaves it.

seeded vectors, clustered -> ProductStore.run -> catalog.db -> SnapshotStore.build -> versions
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from service.adapters.snapshots import SnapshotFolder
from service.adapters.sqlite_store import SqliteStore
from service.core.index_choice import IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt
from service.core.store import SeenRow, Write
from service.core.types import Product, Vectors

_BATCH, _CLUSTERS, _SPREAD = 1024, 500, 0.6
NOTHING = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)


def image_id(number: int) -> str:
    """Return the identity of a picture that nobody drew."""
    return sha256(f"picture {number}".encode()).hexdigest()


def item(number: int) -> Product:
    """Return a product with something to filter by; prices tell 10,000 apart."""
    return Product(
        id=f"p{number}",
        title=f"Product {number}",
        category=f"category {number % 20}",
        brand=f"brand {number % 300}",
        price=(number * 7919 % 10_000) / 10,
        currency="EUR",
        attributes={"colour": f"colour {number % 12}"},
    )


def fill(store: SqliteStore, bundle: BundleManifest, count: int) -> None:
    """Write `count` products of one picture each, with vectors."""
    with store.run(bundle_digest(bundle)) as run:
        for first, vectors in _batches(count, bundle.dim):
            numbers = range(first, first + len(vectors))
            rows = [SeenRow(item(number), image_id(number)) for number in numbers]
            run.merge(rows, {image_id(n): v for n, v in zip(numbers, vectors, strict=True)})
        run.finish(incomplete=(), delete_missing=False)


def build(data_dir: Path, bundle: BundleManifest, count: int, versions: int, kind: str) -> None:
    """Make a data directory that serves version 1 of several of the same rows."""
    store, snapshots = SqliteStore(data_dir / "catalog.db"), SnapshotFolder(data_dir)
    fill(store, bundle, count)
    for version in range(versions, 0, -1):
        with store.view() as view:
            built = snapshots.build(view, bundle, NOTHING, IndexChoice(kind))
        if version == versions:
            snapshots.promote(built.manifest.version)
    store.close()


def write_live(store: SqliteStore, bundle: BundleManifest, count: int, writes: int) -> None:
    """Write live, with a picture each: every other one a product of the `count`, the rest new."""
    for first, vectors in _batches(writes, bundle.dim, seed=1):
        numbers = range(first, first + len(vectors))
        pictures = [image_id(count + n) for n in numbers]
        products = [item(count + n if n % 2 else n) for n in numbers]
        made = [
            Write(each.id, each, image_ids=(picture,))
            for each, picture in zip(products, pictures, strict=True)
        ]
        store.write(made, bundle_digest(bundle), dict(zip(pictures, vectors, strict=True)))


def _batches(count: int, dim: int, seed: int = 0) -> Iterator[tuple[int, Vectors]]:
    centres = np.random.default_rng(0).normal(size=(_CLUSTERS, dim)).astype(np.float32)
    rng = np.random.default_rng((1, seed))
    for first in range(0, count, _BATCH):
        size = min(_BATCH, count - first)
        vectors = centres[rng.integers(_CLUSTERS, size=size)]
        vectors = vectors + _SPREAD * rng.normal(size=vectors.shape).astype(np.float32)
        yield first, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
