"""What was written live, folded into a new version of the index: nothing is read or embedded.

the catalogue as it is -> snapshot vN+1, of the kind that serves -> gate -> promoted
"""

from dataclasses import dataclass

import structlog

from service.core.errors import BundleMismatchError
from service.core.index_choice import IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, Receipt, SnapshotManifest
from service.core.snapshot import Snapshot, SnapshotStore
from service.core.store import ProductStore
from service.pipeline.gate import GateOptions, inspect, require
from service.pipeline.live_index import LiveIndex
from service.pipeline.promoting import promote

# What is built is what is searched already, so that its coverage says nothing of the build.
_GATE = GateOptions(min_coverage=0.0)
_NO_SOURCE = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0.0)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Compacting:
    """Everything that compaction needs."""

    bundle: BundleManifest
    store: ProductStore
    snapshots: SnapshotStore

    def run(self, first: IndexChoice) -> Snapshot | None:
        """Build and promote what the catalogue holds by now.

        Args:
            first: Kind of index where there is none yet; else it is that of the one that serves.

        Returns:
            What serves now; None where what served has everything, or nothing has a vector.

        Raises:
            BundleMismatchError: What serves is of another model.
            IndexChoiceError: Its kind cannot be built of so few vectors.
            IndexRefusedError: The gate refused the snapshot, which is kept to be looked at.
        """
        serving = self._serving()
        with self.store.view() as view:
            if serving is not None and serving.sequence == view.sequence():
                return None
            if not view.count_rows(bundle_digest(self.bundle)):
                return None
            choice = first if serving is None else serving.asked
            snapshot = self.snapshots.build(view, self.bundle, _NO_SOURCE, choice)
            version = snapshot.manifest.version
            require(inspect(snapshot, view, None, _GATE), version)
        promote(self.snapshots, self.store, version)
        return snapshot

    def _serving(self) -> SnapshotManifest | None:
        current = self.snapshots.current()
        serving = next((m for m in self.snapshots.manifests() if m.version == current), None)
        if serving and serving.bundle_digest != bundle_digest(self.bundle):
            raise BundleMismatchError(
                f"index v{serving.version:06d} was built by bundle {serving.bundle_name}, this is "
                f"{self.bundle.name}: give that bundle by --bundle, or run `vitrine reindex`"
            )
        return serving


@dataclass(slots=True)
class Due:
    """Whether it is time to compact what a process serves.

    It is not while a newer version of a reindex is on disk, which the gate refused or an operator
    rolled back from: what is in the catalogue would go live against their word.

    Attributes:
        rows: Of the index, written since or passed over, that are enough.
    """

    live: LiveIndex
    snapshots: SnapshotStore
    rows: int
    _said: int = 0

    def __call__(self) -> int | None:
        """Return the version that serves, where it is time; else None."""
        view = self.live.served
        if view is None or view.delta_rows + view.dead_rows < self.rows:
            return None
        version = view.manifest.version
        refused = [m.version for m in self.snapshots.manifests() if _of_a_reindex_after(version, m)]
        if not refused:
            return version
        if refused[-1] != self._said:
            self._said = refused[-1]
            _log.warning("compaction_held", serving=version, newer=refused[-1])
        return None


def _of_a_reindex_after(version: int, manifest: SnapshotManifest) -> bool:
    return manifest.version > version and manifest.receipt.seen > 0
