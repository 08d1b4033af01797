"""Live writes folded into a new version: what it holds, what it is of, and when it is time."""

import numpy as np
import pytest
from structlog.testing import capture_logs

from service.core.errors import BundleMismatchError, IndexRefusedError
from service.core.index_choice import IndexChoice
from service.core.manifest import Receipt
from service.core.store import Write
from service.core.types import Product
from service.pipeline.compacting import Compacting, Due
from service.pipeline.live_index import LiveIndex
from support.fake_store import FakeProductStore
from support.fakes import FakeEncoder, FakeSnapshots, fake_manifest

DIM = 32
NOTHING = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0.0)


class Shop:
    """A store and its versions."""

    def __init__(self) -> None:
        self.encoder = FakeEncoder(dim=DIM)
        self.store = FakeProductStore()
        self.snapshots = FakeSnapshots()
        self.live = LiveIndex(self.snapshots, self.store, self.encoder.manifest)
        self.compacting = Compacting(self.encoder.manifest, self.store, self.snapshots)

    def write(self, *names: str) -> None:
        rng = np.random.default_rng(len(names))
        images = {name: f"{ord(name):064x}" for name in names}
        vectors = {image: rng.normal(size=DIM).astype(np.float32) for image in images.values()}
        self.store.write(
            [Write(name, Product(name), (image,)) for name, image in images.items()],
            self.encoder.bundle_digest,
            vectors,
        )
        self.live.catch_up()

    def delete(self, name: str) -> None:
        self.store.write([Write(name, None)], self.encoder.bundle_digest, {})
        self.live.catch_up()

    def reindexed(self, choice: IndexChoice, *, seen: int = 5) -> int:
        """Build what the catalogue holds as a reindex does, but promote nothing."""
        receipt = NOTHING.model_copy(update={"seen": seen})
        with self.store.view() as view:
            built = self.snapshots.build(view, self.encoder.manifest, receipt, choice)
        return built.manifest.version


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_first_version_is_made_of_live_writes_alone(shop: Shop) -> None:
    shop.write("a", "b", "c")
    shop.delete("b")

    snapshot = shop.compacting.run(IndexChoice("hnsw", 0.9))

    assert snapshot is not None
    assert snapshot.product_ids == ["a", "c"]
    assert snapshot.manifest.index_asked == "hnsw"
    assert shop.snapshots.current() == 1
    shop.live.refresh()
    assert shop.live.snapshot().delta_rows == 0
    assert shop.live.snapshot().sequence == shop.store.sequence()


def test_it_is_of_the_kind_that_serves(shop: Shop) -> None:
    shop.write("a")
    shop.snapshots.promote(shop.reindexed(IndexChoice("ivf", 0.87)))
    shop.write("b")

    snapshot = shop.compacting.run(IndexChoice())

    assert snapshot is not None
    assert snapshot.manifest.index_asked == "ivf"
    assert snapshot.manifest.target_recall == 0.87
    assert snapshot.product_ids == ["a", "b"]


def test_nothing_is_folded_where_nothing_was_written(shop: Shop) -> None:
    assert shop.compacting.run(IndexChoice()) is None
    shop.write("a")
    assert shop.compacting.run(IndexChoice()) is not None
    assert shop.compacting.run(IndexChoice()) is None
    assert shop.snapshots.history() == (1,)


def test_nothing_is_folded_where_nothing_has_a_vector(shop: Shop) -> None:
    shop.store.write([Write("a", Product("a"))], shop.encoder.bundle_digest, {})

    assert shop.compacting.run(IndexChoice()) is None


def test_another_model_is_not_mixed_in(shop: Shop) -> None:
    shop.write("a")
    shop.snapshots.promote(shop.reindexed(IndexChoice()))
    shop.write("b")
    other = Compacting(fake_manifest(seed=9, dim=DIM), shop.store, shop.snapshots)

    with pytest.raises(BundleMismatchError, match=r"fake-0.*fake-9"):
        other.run(IndexChoice())


def test_what_the_gate_refuses_does_not_serve(shop: Shop) -> None:
    shop.write("a", "b")
    shop.snapshots.promote(shop.reindexed(IndexChoice()))
    shop.write("c")
    # The fake says that its recall is 1: nothing less than more will do.
    unreachable = shop.snapshots.versions[1].manifest.model_copy(update={"target_recall": 1.5})
    object.__setattr__(shop.snapshots.versions[1], "manifest", unreachable)

    with pytest.raises(IndexRefusedError, match="recall"):
        shop.compacting.run(IndexChoice())
    assert shop.snapshots.current() == 1


def test_it_is_time_when_enough_rows_were_written_or_are_passed_over(shop: Shop) -> None:
    due = Due(shop.live, shop.snapshots, rows=3)
    assert due() is None
    shop.write("a", "b")
    assert due() is None
    shop.write("c")
    assert due() == 0
    shop.compacting.run(IndexChoice())
    shop.live.refresh()
    assert due() is None
    for name in "abc":
        shop.delete(name)
    assert due() == 1


def test_it_is_not_time_while_a_reindex_was_refused_or_rolled_back_from(shop: Shop) -> None:
    due = Due(shop.live, shop.snapshots, rows=1)
    shop.write("a")
    shop.snapshots.promote(shop.reindexed(IndexChoice()))
    shop.live.refresh()
    shop.write("b")
    assert due() == 1
    shop.reindexed(IndexChoice())

    with capture_logs() as logs:
        assert (due(), due()) == (None, None)

    (entry,) = logs
    assert (entry["event"], entry["serving"], entry["newer"]) == ("compaction_held", 1, 2)


def test_what_a_compaction_left_that_was_killed_holds_up_none(shop: Shop) -> None:
    due = Due(shop.live, shop.snapshots, rows=1)
    shop.write("a")
    shop.snapshots.promote(shop.reindexed(IndexChoice()))
    shop.live.refresh()
    shop.write("b")
    shop.reindexed(IndexChoice(), seen=0)

    assert due() == 1
