"""A version of the index goes live, and what was kept for older ones is let go."""

from service.core.errors import VersionNotFoundError
from service.core.snapshot import SnapshotStore
from service.core.store import ProductStore


def promote(snapshots: SnapshotStore, store: ProductStore, version: int) -> None:
    """Make a version current; drop the changes that every version still on disk has in it."""
    snapshots.promote(version)
    store.forget_changes(min((m.sequence for m in snapshots.manifests()), default=0))


def version_before(snapshots: SnapshotStore) -> int:
    """Return the version that a rollback goes to; raises VersionNotFoundError."""
    before = snapshots.history()[1:2]
    if not before:
        raise VersionNotFoundError("no version served before this one: see `vitrine index list`")
    return before[0]
