"""What is being served: swapped whole, and never for something that cannot be trusted."""

import traceback
from threading import Semaphore

import pytest

from service.core.errors import BundleMismatchError, IndexCorruptError, IndexUnavailableError
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt
from service.core.snapshot import Snapshot
from service.pipeline.live_index import LiveIndex
from support.fake_store import FakeView, State
from support.fakes import FakeSnapshots, fake_manifest

OURS, OTHERS = fake_manifest(), fake_manifest(seed=1)
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed_products=0, seconds=0)


class Snapshots(FakeSnapshots):
    """Counts how often somebody looked."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = Semaphore(0)
        self.loaded: list[int] = []
        self.unreadable = False

    def current(self) -> int | None:
        self.looked.release()
        if self.unreadable:
            raise IndexCorruptError("CURRENT does not name a version")
        return super().current()

    def load(self, version: int) -> Snapshot:
        self.loaded.append(version)
        return super().load(version)

    def publish(self, bundle: BundleManifest = OURS) -> int:
        version = self.build(FakeView(State()), bundle, RECEIPT).manifest.version
        self.promote(version)
        return version


@pytest.fixture
def snapshots() -> Snapshots:
    return Snapshots()


@pytest.fixture
def live(snapshots: Snapshots) -> LiveIndex:
    return LiveIndex(snapshots, bundle_digest(OURS))


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
    assert live.served == snapshots.versions[1].manifest
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
