"""The gate: each check alone keeps a snapshot from serving, and says by how much it fell short."""

from dataclasses import replace

import numpy as np
import pytest

from service.core.errors import BundleMismatchError, IndexRefusedError
from service.core.index_choice import IndexChoice
from service.core.keys import image_digest
from service.core.manifest import OperatingPoint, SearchPoint
from service.core.snapshot import Snapshot
from service.core.store import Write
from service.core.tasks import GoldenQuery
from service.core.types import Product
from service.pipeline.gate import Check, GateOptions, inspect, require
from service.pipeline.reindex import Reindex, ReindexOptions
from support.fake_state import State
from support.fake_store import FakeProductStore, FakeView, fill
from support.fakes import (
    BruteForceIndex,
    FakeEncoder,
    FakeFetcher,
    FakeSnapshots,
    FakeSource,
    FakeThumbnails,
)
from support.pictures import encoded, photo
from unit.pipeline.test_reindex import row

PICTURES = [encoded(photo(40, 40, seed=i), "PNG") for i in range(20)]
EXACT = GateOptions(min_coverage=1)


class Indexed:
    """Twenty products of a picture each, indexed but not asked yet whether they may serve."""

    def __init__(self) -> None:
        self.encoder = FakeEncoder()
        self.store = FakeProductStore()
        self.snapshots = FakeSnapshots()
        flow = Reindex(self.encoder, self.store, FakeThumbnails(), self.snapshots, FakeFetcher())
        rows = [row(f"p{i}", data) for i, data in enumerate(PICTURES)]
        report = flow.run(FakeSource(rows), ReindexOptions(gate=EXACT))
        self.snapshot = self.snapshots.load(report.version or 0)

    def refusal(self, snapshot: Snapshot, options: GateOptions = EXACT) -> str:
        """What the gate says; every check but one must pass."""
        checks = self.inspect(snapshot, options)
        assert [check.passed for check in checks].count(False) == 1
        with pytest.raises(IndexRefusedError, match=r"v000001 is not promoted") as refused:
            require(checks, snapshot.manifest.version)
        return str(refused.value)

    def inspect(self, snapshot: Snapshot, options: GateOptions = EXACT) -> list[Check]:
        with self.store.view() as view:
            return inspect(snapshot, view, self.encoder, options)

    def with_manifest(self, **change: object) -> Snapshot:
        return replace(self.snapshot, manifest=self.snapshot.manifest.model_copy(update=change))


@pytest.fixture
def shop() -> Indexed:
    return Indexed()


def golden(*pairs: tuple[int, str]) -> tuple[GoldenQuery, ...]:
    return tuple(GoldenQuery(str(i), PICTURES[i], frozenset({p})) for i, p in pairs)


def test_a_sound_snapshot_passes_every_check(shop: Indexed) -> None:
    options = GateOptions(min_coverage=1, golden=golden((3, "p3"), (4, "p4")), min_golden=1)
    checks = shop.inspect(shop.snapshot, options)
    assert [c.name for c in checks] == ["recall@10 at least", "rows", "coverage", "golden hits"]
    assert all(check.passed for check in checks)
    require(checks, 1)


def test_too_little_recall_is_refused(shop: Indexed) -> None:
    point = OperatingPoint(search=SearchPoint(nprobe=4), recall=0.91, milliseconds=1)
    said = shop.refusal(shop.with_manifest(chosen=point, target_recall=0.95))
    assert "recall@10 at least 0.9100, required 0.9500, short by 0.0400" in said
    assert "--target-recall" in said


def test_a_recall_that_reaches_the_target_by_chance_is_refused(shop: Indexed) -> None:
    search = SearchPoint(nprobe=4)
    point = OperatingPoint(search=search, recall=0.955, recall_at_least=0.945, milliseconds=1)
    said = shop.refusal(shop.with_manifest(chosen=point, target_recall=0.95))
    assert "recall@10 at least 0.9450, required 0.9500, short by 0.0050" in said


def test_other_rows_than_the_store_s_are_refused(shop: Indexed) -> None:
    fewer = replace(shop.snapshot, index=BruteForceIndex(np.zeros((18, 32), np.float32)))
    assert "rows 18, the store has 20" in shop.refusal(fewer)


def test_rows_are_compared_with_the_manifest_once_the_store_was_written_to(shop: Indexed) -> None:
    images = tuple(image_digest(picture) for picture in PICTURES[:2])
    shop.store.write([Write("p0", Product("p0"), images)], shop.encoder.bundle_digest, {})
    with shop.store.view() as view:
        assert view.count_rows(shop.encoder.bundle_digest) == 21
    require(shop.inspect(shop.snapshot), 1)


def test_too_many_products_without_a_vector_are_refused(shop: Indexed) -> None:
    bare = [(Product(f"bare-{i}"), ()) for i in range(5)]
    fill(shop.store, bare, shop.encoder.bundle_digest)
    said = shop.refusal(shop.snapshot, GateOptions(min_coverage=0.9))
    assert "coverage 0.8000, required 0.9000, short by 0.1000" in said
    checks = shop.inspect(shop.snapshot, GateOptions(min_coverage=0.8))
    require(checks, 1)


def test_golden_queries_that_miss_are_refused(shop: Indexed) -> None:
    # With ten of twenty products shown, one that is not there at all is never among them.
    options = GateOptions(golden=golden((1, "p1"), (2, "gone"), (3, "p3"), (4, "p4")))
    said = shop.refusal(shop.snapshot, options)
    assert "golden hits 0.7500, required 0.9500, short by 0.2000" in said
    lenient = replace(options, min_golden=0.75)
    require(shop.inspect(shop.snapshot, lenient), 1)


def test_golden_queries_embedded_by_another_bundle_are_no_test(shop: Indexed) -> None:
    options = GateOptions(golden=golden((1, "p1")))
    with (
        shop.store.view() as view,
        pytest.raises(BundleMismatchError, match=r"fake-0.*fake-7.*--bundle"),
    ):
        inspect(shop.snapshot, view, FakeEncoder(seed=7), options)


def test_an_empty_store_lacks_nothing() -> None:
    encoder, empty = FakeEncoder(), FakeView(State())
    reindexed = Indexed().snapshot.manifest.receipt
    snapshot = FakeSnapshots().build(empty, encoder.manifest, reindexed)
    require(inspect(snapshot, empty, encoder, EXACT), 1)


def test_a_refused_snapshot_leaves_the_old_one_serving_and_is_kept(shop: Indexed) -> None:
    flow = Reindex(shop.encoder, shop.store, FakeThumbnails(), shop.snapshots, FakeFetcher())
    options = ReindexOptions(gate=GateOptions(golden=golden((0, "gone"))))
    with pytest.raises(IndexRefusedError, match="what served still serves"):
        flow.run(FakeSource([row("p0", PICTURES[0])]), options)
    assert shop.snapshots.current() == 1
    assert shop.snapshots.load(2).manifest.rows == 20


def test_the_choice_of_index_reaches_the_manifest(shop: Indexed) -> None:
    flow = Reindex(shop.encoder, shop.store, FakeThumbnails(), shop.snapshots, FakeFetcher())
    options = ReindexOptions(index=IndexChoice("hnsw", 0.99))
    report = flow.run(FakeSource([row("p0", PICTURES[0])]), options)
    manifest = shop.snapshots.manifest(report.version or 0)
    assert (manifest.index_kind, manifest.target_recall) == ("hnsw", 0.99)
