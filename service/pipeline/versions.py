"""The versions of the index, as whoever looks after a serving process lists and moves them.

    promote: n -> whole, of this model? -> gate -> CURRENT -> served | it stays as it was, and why
    rollback: what served before -> whole, of this model? -> CURRENT -> served

`vitrine index` does the same on a data directory, for whichever processes serve it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from service.core.errors import (
    BundleMismatchError,
    IndexCorruptError,
    IndexRefusedError,
    VersionNotFoundError,
)
from service.core.snapshot import KeptVersion, Snapshot, SnapshotStore
from service.core.store import ProductStore
from service.pipeline.gate import GateOptions, inspect, require
from service.pipeline.live_index import LiveIndex
from service.pipeline.promoting import promote, version_before

State = Literal["serves", "served", "not promoted"]


def state_of(version: int, history: tuple[int, ...]) -> State:
    """Say what became of a version; `history` is that of a SnapshotStore."""
    if version not in history:
        return "not promoted"
    return "serves" if version == history[0] else "served"


@dataclass(frozen=True, slots=True)
class Versions:
    """Lists and moves the versions of what a process serves; safe for several threads.

    Attributes:
        alone: Holds the catalogue, so that nobody else builds or promotes; raises CatalogBusyError.
    """

    snapshots: SnapshotStore
    store: ProductStore
    live: LiveIndex
    alone: Callable[[], AbstractContextManager[None]]

    def listed(self) -> list[tuple[State, KeptVersion]]:
        """Return every version on disk, oldest first, and what became of it."""
        history = self.snapshots.history()
        return [(state_of(kept.version, history), kept) for kept in self.snapshots.kept()]

    def promote(self, version: int) -> None:
        """Put a version in service if it passes the gate; returns when this process serves it.

        Raises:
            VersionNotFoundError: There is none.
            IndexRefusedError: It is damaged, of another model, or fails a check of the gate.
            CatalogBusyError: Somebody else builds or promotes one.
        """
        with self.alone():
            if all(kept.version != version for kept in self.snapshots.kept()):
                raise VersionNotFoundError(f"there is no version {version} of the index")
            snapshot = self._servable(version)
            with self.store.view() as view:
                require(inspect(snapshot, view, None, GateOptions()), version)
            promote(self.snapshots, self.store, version)
        self.live.refresh(again=True)

    def roll_back(self) -> None:
        """Put the version in service that served before; returns when this process serves it.

        Raises:
            VersionNotFoundError: None did.
            IndexRefusedError: It is damaged, or of another model.
            CatalogBusyError: Somebody else builds or promotes one.
        """
        with self.alone():
            self._servable(version_before(self.snapshots))
            self.snapshots.roll_back()
        self.live.refresh(again=True)

    def _servable(self, version: int) -> Snapshot:
        try:
            return self.live.load(version)
        except IndexCorruptError as exc:
            raise IndexRefusedError(
                f"index v{version:06d} is damaged, and what served still serves: choose another, "
                "or reindex"
            ) from exc
        except BundleMismatchError as exc:
            raise IndexRefusedError(f"what served still serves: {exc}") from exc
