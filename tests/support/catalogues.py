"""A catalogue in memory with pictures to look at: products, vectors and thumbnails that agree."""

from dataclasses import dataclass, field

import numpy as np

from service.core.keys import image_digest
from service.core.manifest import Receipt, SnapshotManifest
from service.core.quality import QualityOptions, QualityReport
from service.core.snapshot import Snapshot
from service.core.types import Product, Thumbnail
from service.pipeline.quality_report import inspect_catalog
from support.fakes import BruteForceIndex, FakeFields, FakeThumbnails, FakeVectors
from support.pictures import encoded, photo

DIM = 32


@dataclass
class Catalogue:
    """Rows that may be added and changed, then looked at as a snapshot."""

    products: dict[str, Product] = field(default_factory=dict)
    rows: list[tuple[str, str]] = field(default_factory=list)
    """(product, picture)."""
    vectors: list[np.ndarray] = field(default_factory=list)
    thumbnails: FakeThumbnails = field(default_factory=FakeThumbnails)

    def add(self, product: Product, data: bytes, vector: np.ndarray) -> str:
        """Give a product one more picture; return its id."""
        image_id = image_digest(data)
        self.products[product.id] = product
        self.rows.append((product.id, image_id))
        self.vectors.append(vector / np.linalg.norm(vector))
        self.thumbnails.put_many({image_id: Thumbnail(data, "image/jpeg")})
        return image_id

    def snapshot(self) -> Snapshot:
        """All of it, as an index would have it."""
        ids = list(self.products)
        vectors = np.array(self.vectors, np.float32).reshape(-1, DIM)
        numbers = np.array([ids.index(product) for product, _ in self.rows], np.int32)
        manifest = SnapshotManifest(
            version=3,
            bundle_digest="d",
            bundle_name="fake",
            dim=DIM,
            rows=len(self.rows),
            products=len(ids),
            index_factory="Flat",
            sequence=1,
            built_at="2024-01-01T00:00:00+00:00",
            files={},
            receipt=Receipt(
                products=0,
                seen=0,
                embedded=0,
                reused=0,
                failed=0,
                removed=0,
                seconds=0,
            ),
        )
        return Snapshot(
            manifest,
            BruteForceIndex(vectors),
            [image for _, image in self.rows],
            [product for product, _ in self.rows],
            FakeVectors(vectors),
            numbers,
            FakeFields(list(self.products.values())),
        )

    def report(self, **options: object) -> QualityReport:
        """What is found wrong with it."""
        return inspect_catalog(
            self.snapshot(),
            self.thumbnails,
            (),
            QualityOptions(**options),  # type: ignore[arg-type]
        )


def clean_catalogue(categories: int = 3, each: int = 24) -> Catalogue:
    """Categories apart from each other, products of one alike but never the same; seeded."""
    rng = np.random.default_rng(0)
    centres = np.eye(DIM)[:categories]
    catalogue = Catalogue()
    for number in range(categories * each):
        kind = number % categories
        product = Product(f"p{number}", f"Product {number}", category=f"kind {kind}")
        vector = centres[kind] + 0.06 * rng.normal(size=DIM)
        catalogue.add(product, picture(number), vector)
    return catalogue


def picture(seed: int, quality: int = 92) -> bytes:
    """A JPEG that no other seed has."""
    return encoded(photo(96, 96, seed), "JPEG", quality=quality)
