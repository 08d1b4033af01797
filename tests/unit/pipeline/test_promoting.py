"""Going live: the log of changes is kept from the oldest version on that may serve again."""

from service.core.keys import bundle_digest
from service.core.manifest import Receipt
from service.core.store import Write
from service.core.types import Product
from service.pipeline.promoting import promote
from support.fake_store import FakeProductStore
from support.fakes import FakeSnapshots, fake_manifest

BUNDLE = fake_manifest()
DIGEST = bundle_digest(BUNDLE)
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)


def test_changes_are_dropped_up_to_the_oldest_version_on_disk() -> None:
    store, snapshots = FakeProductStore(), FakeSnapshots()

    def built() -> int:
        with store.view() as view:
            return snapshots.build(view, BUNDLE, RECEIPT).manifest.version

    def written(name: str) -> None:
        store.write([Write(name, Product(name))], DIGEST, {})

    written("a")
    first = built()
    written("b")
    second = built()
    written("c")
    promote(snapshots, store, second)
    assert snapshots.current() == second
    assert list(store.replay(0, DIGEST).products) == ["b", "c"], "the first may still serve"
    del snapshots.versions[first]
    promote(snapshots, store, second)
    assert list(store.replay(0, DIGEST).products) == ["c"]
    assert store.sequence() == 3
