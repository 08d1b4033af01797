"""What is being served: swapped whole, caught up, and never what cannot be trusted."""

import traceback
from collections.abc import Callable
from threading import Event, Semaphore, Thread

import numpy as np
import pytest

from service.core.errors import (
    BundleMismatchError,
    IndexCorruptError,
    IndexUnavailableError,
    StoreError,
)
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt
from service.core.snapshot import Snapshot
from service.core.store import Replay, Write
from service.core.types import Product
from service.pipeline.live_index import LiveIndex
from support.fake_store import FakeProductStore, fill
from support.fakes import FakeSnapshots, fake_manifest

OURS, OTHERS = fake_manifest(), fake_manifest(seed=1)
DIGEST = bundle_digest(OURS)
VECTOR = np.eye(1, OURS.dim, dtype=np.float32)[0]
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)


class Store(FakeProductStore):
    """Breaks down when told to, and calls back when it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.looked: Callable[[], None] = lambda: None
        self.replayed: Callable[[], None] = lambda: None

    def sequence(self) -> int:
        self.looked()
        if self.broken:
            raise StoreError("catalog.db: disk I/O error")
        return super().sequence()

    def replay(self, after: int, bundle_digest: str) -> Replay:
        if self.broken:
            raise StoreError("catalog.db: disk I/O error")
        found = super().replay(after, bundle_digest)
        self.replayed()
        return found

    def put(self, *product_ids: str) -> None:
        """Write products live, each with a picture of its own."""
        pictures = {id_: id_.encode().hex().zfill(64) for id_ in product_ids}
        writes = [Write(id_, Product(id_), (picture,)) for id_, picture in pictures.items()]
        self.write(writes, DIGEST, dict.fromkeys(pictures.values(), VECTOR))

    def delete(self, product_id: str) -> None:
        self.write([Write(product_id, None)], DIGEST, {})


class Snapshots(FakeSnapshots):
    """Counts how often somebody looked."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.looked = Semaphore(0)
        self.loaded: list[int] = []
        self.unreadable = False
        self.loading, self.may_load = Event(), Event()
        self.may_load.set()

    def current(self) -> int | None:
        self.looked.release()
        if self.unreadable:
            raise IndexCorruptError("CURRENT does not name a version")
        return super().current()

    def load(self, version: int) -> Snapshot:
        self.loaded.append(version)
        self.loading.set()
        assert self.may_load.wait(20)
        return super().load(version)

    def publish(self, bundle: BundleManifest = OURS) -> int:
        with self.store.view() as view:
            version = self.build(view, bundle, RECEIPT).manifest.version
        self.promote(version)
        return version


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def snapshots(store: Store) -> Snapshots:
    return Snapshots(store)


@pytest.fixture
def live(snapshots: Snapshots, store: Store) -> LiveIndex:
    return LiveIndex(snapshots, store, OURS)


def shown(live: LiveIndex) -> list[str]:
    """The products that a search finds."""
    view = live.snapshot()
    _, (rows,) = view.index.search(VECTOR[np.newaxis], 100)
    return sorted(view.product_ids[row] for row in rows.tolist())


def test_before_the_first_reindex_it_names_the_command(live: LiveIndex) -> None:
    live.refresh()
    assert live.served is None
    assert live.problem is None
    with pytest.raises(IndexUnavailableError, match="run `vitrine reindex SOURCE`"):
        live.snapshot()


def test_the_current_version_is_served_and_loaded_once(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    snapshots.publish()
    live.refresh()
    live.refresh()
    assert live.snapshot() is snapshots.versions[1]
    assert live.served is snapshots.versions[1]
    assert snapshots.loaded == [1]


def test_a_new_version_replaces_the_old_and_readers_keep_theirs(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    snapshots.publish()
    live.refresh()
    held = live.snapshot()
    snapshots.publish()
    assert live.snapshot() is held, "not before refresh"
    live.refresh()
    assert live.snapshot() is snapshots.versions[2]
    assert held is snapshots.versions[1]
    snapshots.promote(1)
    live.refresh()
    assert live.snapshot() is held, "going back works the same way"


def test_an_index_of_another_model_is_refused_and_the_old_serves_on(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    snapshots.publish()
    live.refresh()
    snapshots.publish(OTHERS)
    live.refresh()
    assert live.snapshot() is snapshots.versions[1]
    assert isinstance(live.problem, BundleMismatchError)
    for part in ("v000002", "fake-1", "vitrine reindex"):
        assert part in str(live.problem)


def test_a_damaged_version_is_refused_once_and_the_next_good_one_taken(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    snapshots.publish()
    live.refresh()
    snapshots.damaged.add(snapshots.publish())
    for _ in range(3):
        live.refresh()
    assert isinstance(live.problem, IndexCorruptError)
    assert live.snapshot() is snapshots.versions[1]
    assert snapshots.loaded == [1, 2], "a damaged version is not read again at every look"
    snapshots.publish()
    live.refresh()
    assert live.snapshot() is snapshots.versions[3]
    assert live.problem is None


def test_going_back_to_what_is_served_ends_the_problem(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    snapshots.publish()
    live.refresh()
    snapshots.damaged.add(snapshots.publish())
    live.refresh()
    assert live.problem is not None
    snapshots.promote(1)
    live.refresh()
    assert live.problem is None
    assert live.snapshot() is snapshots.versions[1]


def test_an_unreadable_current_is_a_problem_until_it_can_be_read(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    snapshots.publish()
    live.refresh()
    snapshots.unreadable = True
    live.refresh()
    assert isinstance(live.problem, IndexCorruptError)
    assert live.served is not None
    snapshots.unreadable = False
    live.refresh()
    assert live.problem is None


@pytest.mark.parametrize("damaged", [False, True])
def test_a_process_started_late_serves_what_served_before_the_version_it_refuses(
    snapshots: Snapshots, live: LiveIndex, damaged: bool
) -> None:
    """As when processes of the old bundle are restarted before the new bundle is rolled out."""
    snapshots.publish()
    ours = snapshots.publish()
    snapshots.damaged.add(snapshots.publish())
    refused = snapshots.publish(OURS if damaged else OTHERS)
    if damaged:
        snapshots.damaged.add(refused)
    for _ in range(3):
        live.refresh()
    assert live.snapshot() is snapshots.versions[ours]
    assert isinstance(live.problem, IndexCorruptError if damaged else BundleMismatchError)
    assert snapshots.loaded == [4, 3, 2], "neither is read again at every look"
    snapshots.publish()
    live.refresh()
    assert live.snapshot() is snapshots.versions[5]
    assert live.problem is None


def test_where_only_a_refused_version_exists_its_problem_is_the_answer(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    """Every request raises the same error; what it remembers of them must not grow."""
    snapshots.publish(OTHERS)
    live.refresh()
    depths = []
    for _ in range(3):
        with pytest.raises(BundleMismatchError) as refused:
            live.snapshot()
        depths.append(len(traceback.extract_tb(refused.value.__traceback__)))
    assert len(set(depths)) == 1


def test_watching_notices_a_new_version_and_stops_when_closed(
    snapshots: Snapshots, live: LiveIndex
) -> None:
    watcher = live.watch(0.001)
    snapshots.publish()
    while snapshots.looked.acquire(blocking=False):
        pass
    for _ in range(2):  # the second look begins when the first has been dealt with
        assert snapshots.looked.acquire(timeout=20)
    assert live.served is not None
    live.close()
    watcher.join(20)
    assert not watcher.is_alive()


def test_a_new_version_is_published_with_what_was_written_since_it_was_built(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    store.put("a", "b", "c")
    snapshots.publish()
    live.refresh()
    store.put("d")
    with store.view() as view:
        version = snapshots.build(view, OURS, RECEIPT).manifest.version
    store.put("e")
    store.delete("a")
    live.catch_up()
    snapshots.promote(version)
    live.refresh()
    assert shown(live) == ["b", "c", "d", "e"]
    assert live.snapshot().manifest.version == version
    assert (live.snapshot().delta_rows, live.snapshot().dead_rows) == (1, 1)
    snapshots.promote(1)  # an older one lacks more
    live.refresh()
    assert shown(live) == ["b", "c", "d", "e"]
    assert live.snapshot().delta_rows == 2


def test_a_new_version_never_shows_less_than_the_old_one_did(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    """Somebody writes, and is told that it shows, between the replay and the swap."""
    store.put("a")
    snapshots.publish()
    live.refresh()
    snapshots.publish()
    store.put("b")
    seen: list[tuple[int, list[str]]] = []

    def write() -> None:
        store.replayed = lambda: None
        store.put("c")
        live.catch_up()
        store.looked = lambda: seen.append((live.snapshot().manifest.version, shown(live)))

    store.replayed = write
    live.refresh()
    assert {version for version, _ in seen} == {1, 2}
    assert [products for _, products in seen] == [["a", "b", "c"]] * len(seen)


@pytest.mark.parametrize("damaged", [False, True])
def test_while_a_version_is_refused_the_old_one_is_still_caught_up(
    snapshots: Snapshots, store: Store, live: LiveIndex, damaged: bool
) -> None:
    store.put("a")
    snapshots.publish()
    live.refresh()
    refused = snapshots.publish(OURS if damaged else OTHERS)
    if damaged:
        snapshots.damaged.add(refused)
    live.refresh()
    assert live.refusal is not None
    store.put("b")
    live.refresh()
    assert shown(live) == ["a", "b"]
    assert live.problem is live.refusal


def test_writing_does_not_wait_for_a_version_to_load(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    store.put("a")
    snapshots.publish()
    live.refresh()
    snapshots.publish()
    snapshots.loading.clear()
    snapshots.may_load.clear()
    loader = Thread(target=live.refresh)
    loader.start()
    assert snapshots.loading.wait(20)
    store.put("b")
    live.catch_up()
    assert shown(live) == ["a", "b"]
    assert live.snapshot().manifest.version == 1
    snapshots.may_load.set()
    loader.join(20)
    assert shown(live) == ["a", "b"]
    assert live.snapshot().manifest.version == 2


def test_what_is_written_before_the_first_reindex_is_served(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    fill(store, [(Product("by-a-run-that-was-killed"), ("f" * 64,))], DIGEST, {"f" * 64: VECTOR})
    live.refresh()
    with pytest.raises(IndexUnavailableError):
        live.snapshot()
    store.put("a", "b")
    live.catch_up()
    assert shown(live) == ["a", "b"]
    assert live.snapshot().manifest.version == 0
    store.delete("a")
    store.delete("b")
    live.catch_up()
    assert shown(live) == [], "and no error, since it is known that there is nothing"
    store.put("c")
    snapshots.publish()
    live.refresh()
    assert live.snapshot() is snapshots.versions[1]
    assert shown(live) == ["by-a-run-that-was-killed", "c"]


def test_what_is_written_live_does_not_stand_in_for_a_catalogue_that_was_refused(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    """It would be a part that looks like all of it."""
    snapshots.publish(OTHERS)
    store.put("a")
    live.refresh()
    store.put("b")
    live.refresh()
    with pytest.raises(BundleMismatchError):
        live.snapshot()
    snapshots.publish()
    live.refresh()
    assert shown(live) == ["a", "b"]


def test_a_refused_first_version_leaves_what_was_written_live_serving(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    store.put("a")
    live.refresh()
    snapshots.publish(OTHERS)
    store.put("b")
    live.refresh()
    assert isinstance(live.problem, BundleMismatchError)
    assert shown(live) == ["a", "b"]


def test_a_store_that_cannot_be_read_is_a_problem_until_it_can(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    store.put("a")
    snapshots.publish()
    live.refresh()
    store.put("b")
    snapshots.publish()
    store.broken = True
    live.refresh()
    live.catch_up()
    assert isinstance(live.lag, StoreError)
    assert (live.problem, live.refusal) == (live.lag, None)
    assert shown(live) == ["a"]
    assert snapshots.loaded == [1], "what could not be served is not loaded"
    store.broken = False
    live.refresh()
    assert live.problem is None
    assert live.snapshot() is snapshots.versions[2]


def test_started_on_a_store_that_cannot_be_read_it_says_so_and_looks_again(
    snapshots: Snapshots, store: Store, live: LiveIndex
) -> None:
    store.put("a")
    snapshots.publish()
    store.broken = True
    live.refresh()
    with pytest.raises(StoreError, match="disk I/O error"):
        live.snapshot()
    store.broken = False
    live.refresh()
    assert shown(live) == ["a"]
