"""A catalogue flow over fakes, and rows to run through it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from service.core.keys import image_digest
from service.core.receipts import RunReport
from service.core.snapshot import Snapshot
from service.core.types import CatalogRow, ImageRef, Product
from service.pipeline.gate import GateOptions
from service.pipeline.reindex import Reindex, ReindexOptions
from support.fake_store import FakeProductStore
from support.fakes import (
    FakeEncoder,
    FakeFetcher,
    FakeRecords,
    FakeSnapshots,
    FakeSource,
    FakeThumbnails,
)
from support.pictures import encoded, photo

BROKEN = b"\xff\xd8\xff broken"
LENIENT = ReindexOptions(max_failed=1, gate=GateOptions(min_coverage=0))


@cache
def picture(seed: int) -> bytes:
    return encoded(photo(40, 40, seed=seed), "PNG")


def digests(*seeds: int) -> tuple[str, ...]:
    return tuple(image_digest(picture(seed)) for seed in seeds)


def row(
    product: str | Product, image: int | bytes | ImageRef | None, updated_at: datetime | None = None
) -> CatalogRow:
    if isinstance(product, str):
        product = Product(product)
    if isinstance(image, int):
        image = picture(image)
    if isinstance(image, bytes):
        image = ImageRef(data=image)
    return CatalogRow(product, image, updated_at)


@dataclass
class Shop:
    """A catalogue flow and what it is made of."""

    encoder: FakeEncoder = field(default_factory=FakeEncoder)
    store: FakeProductStore = field(default_factory=FakeProductStore)
    thumbnails: FakeThumbnails = field(default_factory=FakeThumbnails)
    snapshots: FakeSnapshots = field(default_factory=FakeSnapshots)
    fetcher: FakeFetcher = field(default_factory=FakeFetcher)
    records: FakeRecords = field(default_factory=FakeRecords)

    def run(self, rows: Iterable[CatalogRow], options: ReindexOptions | None = None) -> RunReport:
        return self.flow().run(FakeSource(rows), options or ReindexOptions())

    def flow(self) -> Reindex:
        return Reindex(
            self.encoder,
            self.store,
            self.thumbnails,
            self.snapshots,
            self.fetcher,
            self.records,
        )

    def images(self) -> dict[str, tuple[str, ...]]:
        return {p.product.id: p.image_ids for p in self.store.list_products(1000)}

    def serving(self, report: RunReport) -> Snapshot:
        assert report.version is not None
        return self.snapshots.load(report.version)

    def indexed(self) -> list[tuple[str, str]]:
        """(product, picture) of every row that serves."""
        current = self.snapshots.current()
        assert current is not None
        snapshot = self.snapshots.load(current)
        return list(zip(snapshot.product_ids, snapshot.image_ids, strict=True))


def counts(report: RunReport) -> dict[str, int]:
    """The counts of a receipt that are not 0."""
    names = ("products", "new", "changed", "removed", "seen", "embedded", "reused", "failed")
    receipt = report.receipt.model_dump()
    return {name: receipt[name] for name in names if receipt[name]}
