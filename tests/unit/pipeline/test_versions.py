"""Versions are listed and moved under a lock, through the gate, and served when that returns."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from service.core.errors import CatalogBusyError, IndexRefusedError, VersionNotFoundError
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt
from service.core.store import Write
from service.core.types import Product
from service.pipeline.live_index import LiveIndex
from service.pipeline.versions import Versions
from support.fake_store import FakeProductStore, fill
from support.fakes import FakeSnapshots, fake_manifest

OURS, OTHERS = fake_manifest(), fake_manifest(seed=1)
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)


class Shop:
    """A serving process over fakes, of two products with a picture each."""

    def __init__(self) -> None:
        self.store, self.snapshots = FakeProductStore(), FakeSnapshots()
        pictures = [f"{number:064x}" for number in range(2)]
        vectors = dict(zip(pictures, np.eye(2, OURS.dim, dtype=np.float32), strict=True))
        catalog = [(Product(f"p{i}"), [picture]) for i, picture in enumerate(pictures)]
        fill(self.store, catalog, bundle_digest(OURS), vectors)
        self.live = LiveIndex(self.snapshots, self.store, OURS)
        self.held = False
        self.versions = Versions(self.snapshots, self.store, self.live, self.alone)

    @contextmanager
    def alone(self) -> Iterator[None]:
        if self.held:
            raise CatalogBusyError("somebody reindexes")
        yield

    def build(self, bundle: BundleManifest = OURS) -> int:
        with self.store.view() as view:
            return self.snapshots.build(view, bundle, RECEIPT).manifest.version

    def states(self) -> dict[int, str]:
        return {kept.version: state for state, kept in self.versions.listed()}


@pytest.fixture
def shop() -> Shop:
    """One that serves its second version, the first having served before."""
    made = Shop()
    for version in (made.build(), made.build()):
        made.versions.promote(version)
    return made


def test_a_promotion_is_served_when_it_returns_and_a_rollback_too(shop: Shop) -> None:
    assert shop.live.snapshot().manifest.version == 2
    assert shop.states() == {1: "served", 2: "serves"}
    third = shop.build()
    assert shop.states()[third] == "not promoted"
    shop.versions.promote(third)
    assert shop.live.snapshot().manifest.version == third
    shop.versions.roll_back()
    assert shop.live.snapshot().manifest.version == 2
    assert shop.states() == {1: "served", 2: "serves", 3: "not promoted"}


@pytest.mark.parametrize("version", [0, 3, 10**6])
def test_a_version_that_is_not_there_is_named(shop: Shop, version: int) -> None:
    with pytest.raises(VersionNotFoundError, match=f"no version {version} "):
        shop.versions.promote(version)


def test_nothing_is_rolled_back_to_where_nothing_served_before() -> None:
    shop = Shop()
    with pytest.raises(VersionNotFoundError, match="no version served before"):
        shop.versions.roll_back()


def test_a_version_that_fails_the_gate_does_not_serve(shop: Shop) -> None:
    third = shop.build()
    manifest = shop.snapshots.versions[third].manifest.model_copy(update={"target_recall": 1.5})
    object.__setattr__(shop.snapshots.versions[third], "manifest", manifest)
    with pytest.raises(IndexRefusedError, match=r"recall@10 at least 1\.0000, required 1\.5000"):
        shop.versions.promote(third)
    assert shop.snapshots.current() == shop.live.snapshot().manifest.version == 2


def test_a_damaged_version_is_neither_promoted_nor_rolled_back_to(shop: Shop) -> None:
    shop.snapshots.damaged.add(1)
    for move in (lambda: shop.versions.promote(1), shop.versions.roll_back):
        with pytest.raises(IndexRefusedError, match="v000001 is damaged"):
            move()
    assert shop.snapshots.current() == shop.live.snapshot().manifest.version == 2
    assert [kept.whole for _, kept in shop.versions.listed()] == [False, True]


def test_a_version_of_another_model_is_not_promoted_under_a_process_that_cannot_serve_it(
    shop: Shop,
) -> None:
    with pytest.raises(IndexRefusedError, match="was built by bundle"):
        shop.versions.promote(shop.build(OTHERS))
    assert shop.snapshots.current() == 2


def test_nothing_moves_while_somebody_else_holds_the_catalogue(shop: Shop) -> None:
    shop.held = True
    for move in (lambda: shop.versions.promote(1), shop.versions.roll_back):
        with pytest.raises(CatalogBusyError):
            move()
    assert shop.snapshots.current() == 2


def test_a_version_that_was_refused_is_served_once_it_is_whole_again(shop: Shop) -> None:
    third = shop.build()
    shop.snapshots.damaged.add(third)
    shop.snapshots.promote(third)
    shop.live.refresh()
    assert shop.live.snapshot().manifest.version == 2
    shop.snapshots.damaged.clear()
    shop.live.refresh()
    assert shop.live.snapshot().manifest.version == 2, "it is looked at once"
    shop.versions.promote(third)
    assert shop.live.snapshot().manifest.version == third
    assert shop.live.problem is None


def test_what_is_promoted_shows_what_was_written_since(shop: Shop) -> None:
    third = shop.build()
    shop.store.write([Write("p0", None)], bundle_digest(OURS), {})
    shop.versions.promote(third)
    assert shop.live.snapshot().products == 1
