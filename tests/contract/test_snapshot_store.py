"""What every `SnapshotStore` keeps to."""

from pathlib import Path

import numpy as np
import pytest

from service.adapters.snapshots import SnapshotFolder
from service.core.errors import IndexCorruptError, InvalidFilterError
from service.core.filters import Condition, Filter, OneOf
from service.core.index_choice import IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import Receipt
from service.core.snapshot import SnapshotStore
from service.core.types import Product
from support.fake_store import FakeProductStore, FakeView, fill
from support.fakes import FakeSnapshots, fake_manifest

BUNDLE = fake_manifest()
DIGEST = bundle_digest(BUNDLE)
RECEIPT = Receipt(products=9, seen=9, embedded=5, reused=3, failed=1, removed=2, seconds=1.5)


@pytest.fixture(params=["folder", "fake"])
def snapshots(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    return FakeSnapshots() if request.param == "fake" else SnapshotFolder(tmp_path)


def filled(count: int = 5) -> FakeView:
    """Product i has pictures i and i + 1."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(count + 1, BUNDLE.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = FakeProductStore()
    catalog = [
        (Product(id=f"p{i}", title=f"Product {i}"), [f"{j:064x}" for j in (i, i + 1)])
        for i in range(count)
    ]
    fill(store, catalog, DIGEST, {f"{j:064x}": vector for j, vector in enumerate(vectors)})
    with store.view() as view:
        return view


def test_before_the_first_reindex_there_is_none(snapshots: SnapshotStore) -> None:
    assert snapshots.current() is None
    with pytest.raises(IndexCorruptError):
        snapshots.load(1)


def test_what_is_built_says_what_is_in_it(snapshots: SnapshotStore) -> None:
    view = filled()
    manifest = snapshots.build(view, BUNDLE, RECEIPT).manifest
    assert (manifest.rows, manifest.products, manifest.dim) == (10, 5, BUNDLE.dim)
    assert (manifest.bundle_digest, manifest.bundle_name) == (DIGEST, BUNDLE.name)
    assert manifest.sequence == view.sequence()
    assert manifest.receipt == RECEIPT
    assert manifest.index_asked == "auto"
    asked = snapshots.build(view, BUNDLE, RECEIPT, IndexChoice("hnsw")).manifest
    assert (asked.index_asked, asked.index_kind) == ("hnsw", "hnsw")
    assert [m.version for m in snapshots.manifests()] == [manifest.version, asked.version]


def test_row_i_of_all_three_belongs_together(snapshots: SnapshotStore) -> None:
    view = filled()
    snapshot = snapshots.load(snapshots.build(view, BUNDLE, RECEIPT).manifest.version)
    (rows,) = view.rows(DIGEST, 100)
    assert list(snapshot.product_ids) == rows.product_ids
    assert list(snapshot.image_ids) == rows.image_ids
    similarities, found = snapshot.index.search(rows.vectors, 1)
    np.testing.assert_allclose(similarities, 1, atol=1e-5)
    assert [rows.image_ids[row] for (row,) in found.tolist()] == rows.image_ids


def test_every_row_knows_its_vector_its_product_and_the_product_s_fields(
    snapshots: SnapshotStore,
) -> None:
    view = filled()
    snapshot = snapshots.load(snapshots.build(view, BUNDLE, RECEIPT).manifest.version)
    (rows,) = view.rows(DIGEST, 100)
    some = np.array([7, 0, 7, 3], np.int64)
    taken = snapshot.vectors.take(some)
    assert (taken.dtype, snapshot.product_rows.dtype) == (np.float32, np.int32)
    np.testing.assert_allclose(taken, rows.vectors[some], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(taken, axis=1), 1, atol=1e-6)
    assert snapshot.vectors.take(some[:0]).shape == (0, BUNDLE.dim)
    assert len(snapshot.fields) == 5
    assert snapshot.fields.values("id", snapshot.product_rows) == rows.product_ids
    second = Filter(must=(Condition("title", OneOf(("product 2",))),))
    kept = snapshot.fields.matching(second)[snapshot.product_rows]
    assert [rows.product_ids[row] for row in np.flatnonzero(kept)] == ["p2", "p2"]
    with pytest.raises(InvalidFilterError, match=r"no field 'colour'.* id, title, category"):
        snapshot.fields.values("colour", snapshot.product_rows)


def test_a_version_serves_only_when_promoted(snapshots: SnapshotStore) -> None:
    first = snapshots.build(filled(), BUNDLE, RECEIPT).manifest.version
    assert snapshots.current() is None
    snapshots.promote(first)
    assert snapshots.current() == first
    second = snapshots.build(filled(3), BUNDLE, RECEIPT).manifest.version
    assert second > first
    assert snapshots.current() == first
    snapshots.promote(second)
    assert snapshots.load(second).manifest.rows == 6
    snapshots.promote(first)
    assert snapshots.current() == first


def test_a_rollback_goes_to_what_served_before(snapshots: SnapshotStore) -> None:
    assert snapshots.history() == ()
    versions = [snapshots.build(filled(), BUNDLE, RECEIPT).manifest.version for _ in "123"]
    first, refused, second = versions
    snapshots.promote(first)
    snapshots.promote(second)
    assert snapshots.history() == (second, first)
    assert snapshots.roll_back() == first == snapshots.current()
    assert snapshots.roll_back() is None
    assert snapshots.current() == first
    snapshots.promote(refused)
    snapshots.promote(first)
    assert snapshots.history() == (first, refused)


def test_an_empty_catalogue_makes_an_empty_index(snapshots: SnapshotStore) -> None:
    snapshot = snapshots.build(filled(0), BUNDLE, RECEIPT)
    assert (len(snapshot.index), len(snapshot.product_ids)) == (0, 0)
    assert len(snapshot.fields) == len(snapshot.vectors) == len(snapshot.product_rows) == 0
    assert snapshot.fields.matching(Filter()).shape == (0,)
    assert (snapshot.manifest.rows, snapshot.manifest.products) == (0, 0)
