"""The snapshot that is being served, replaced whole when another becomes current."""

from contextlib import suppress
from threading import Event, Lock, Thread

import structlog

from service.core.errors import (
    BundleMismatchError,
    IndexCorruptError,
    IndexUnavailableError,
    VitrineError,
)
from service.core.manifest import SnapshotManifest
from service.core.snapshot import Snapshot, SnapshotStore

_log = structlog.get_logger()


class LiveIndex:
    """Holds one immutable snapshot; readers take it and keep it for the length of a request."""

    def __init__(self, snapshots: SnapshotStore, bundle_digest: str) -> None:
        self._snapshots = snapshots
        self._bundle_digest = bundle_digest
        self._snapshot: Snapshot | None = None
        self._problem: VitrineError | None = None
        self._refused: int | None = None
        self._refreshing = Lock()
        self._stop = Event()

    @property
    def problem(self) -> VitrineError | None:
        """Why the current version is not the one being served, if so."""
        return self._problem

    @property
    def served(self) -> SnapshotManifest | None:
        """Manifest of what is being served, if anything is."""
        return self._snapshot.manifest if self._snapshot else None

    def snapshot(self) -> Snapshot:
        """Return what is being served.

        Raises:
            IndexUnavailableError: Nothing was indexed yet.
            VitrineError: The only version there is was refused; the error says why.
        """
        if self._snapshot is None:
            if self._problem:
                # The one error is raised for every request: its traceback must not pile up.
                raise self._problem.with_traceback(None)
            raise IndexUnavailableError(
                "nothing is indexed yet: run `vitrine reindex SOURCE` on this data directory"
            )
        return self._snapshot

    def refresh(self) -> None:
        """Load the current version if it is another; one that is refused leaves the old serving.

        A process that was started after that takes the newest version before it which is whole and
        of its own bundle. So an old bundle keeps its index until it is replaced together with it.
        """
        with self._refreshing:
            try:
                version = self._snapshots.current()
                served = self.served.version if self.served else None
                if version is None or version == self._refused:
                    return
                if version != served:
                    self._refused = version
                    self._snapshot = self._load(version)
                self._refused = self._problem = None
            except VitrineError as exc:
                self._problem = exc
                if self._snapshot is None:
                    self._snapshot = self._before()

    def watch(self, interval_seconds: float) -> Thread:
        """Refresh in a background thread until `close`; log each new problem once."""

        def loop() -> None:
            known = ""
            while not self._stop.wait(interval_seconds):
                self.refresh()
                problem = self._problem
                if problem and str(problem) != known:
                    _log.error("index_refused", code=problem.code, detail=str(problem))
                known = str(problem or "")

        thread = Thread(target=loop, name="live-index", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _before(self) -> Snapshot | None:
        """Return the newest version that served before and may still, if there is one."""
        with suppress(IndexCorruptError):  # CURRENT itself
            for version in self._snapshots.history()[1:]:
                with suppress(IndexCorruptError, BundleMismatchError):
                    return self._load(version)
        return None

    def _load(self, version: int) -> Snapshot:
        snapshot = self._snapshots.load(version)
        if snapshot.manifest.bundle_digest != self._bundle_digest:
            raise BundleMismatchError(
                f"index v{version:06d} was built by bundle {snapshot.manifest.bundle_name} "
                f"({snapshot.manifest.bundle_digest[:12]}), this process runs "
                f"{self._bundle_digest[:12]}: serve with that bundle, or run `vitrine reindex` "
                "with this one"
            )
        return snapshot
