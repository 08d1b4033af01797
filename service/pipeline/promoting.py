"""A version of the index goes live, and what was kept for older ones is let go."""

from service.core.snapshot import SnapshotStore
from service.core.store import ProductStore


def promote(snapshots: SnapshotStore, store: ProductStore, version: int) -> None:
    """Make a version current; drop the changes that every version still on disk has in it."""
    snapshots.promote(version)
    store.forget_changes(min((m.sequence for m in snapshots.manifests()), default=0))
