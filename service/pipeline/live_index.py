"""What is being served: a snapshot with what was written since, both replaced whole.

store's sequence moved?     -> replay -> laid over the snapshot -> published
another snapshot is current -> loaded -> replayed from its own sequence on -> published as one
it cannot be trusted        -> the old one stays, and what is written is laid over it all the same
"""

from contextlib import suppress
from threading import Event, Lock, Thread

import structlog

from service.core.empty_snapshot import empty_snapshot
from service.core.errors import (
    BundleMismatchError,
    IndexCorruptError,
    IndexUnavailableError,
    StoreError,
    VitrineError,
)
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest
from service.core.overlay import Layers, LiveView
from service.core.snapshot import Snapshot, SnapshotStore
from service.core.store import ProductStore

_log = structlog.get_logger()


class LiveIndex:
    """Publishes one immutable view after another; readers keep theirs for the length of a request.

    Safe for several threads: whoever writes to the store calls `catch_up` before it answers, and a
    thread of its own (`watch`) looks for what other processes wrote or promoted.
    """

    def __init__(
        self, snapshots: SnapshotStore, store: ProductStore, bundle: BundleManifest
    ) -> None:
        self._snapshots = snapshots
        self._store = store
        self._bundle_digest = bundle_digest(bundle)
        # Until something is promoted, what is written live is laid over nothing.
        self._tail = _Tail(empty_snapshot(bundle), store, self._bundle_digest)
        self._refusal: VitrineError | None = None
        self._refused: int | None = None
        self._hidden = False
        self._lag: StoreError | None = None
        self._refreshing = Lock()
        self._catching_up = Lock()
        self._stop = Event()
        self._watcher: Thread | None = None

    @property
    def problem(self) -> VitrineError | None:
        """Why what is served is not the current version with every write, if so."""
        return self._refusal or self._lag

    @property
    def refusal(self) -> VitrineError | None:
        """Why the current version is not the one being served, if so."""
        return self._refusal

    @property
    def lag(self) -> StoreError | None:
        """Why not every write is shown, if so."""
        return self._lag

    @property
    def served(self) -> LiveView | None:
        """What is being served, if anything is."""
        view = self._tail.layers.view
        unserved = view.manifest.version == 0 and (self._hidden or not view.delta_rows)
        return None if unserved else view

    def snapshot(self) -> LiveView:
        """Return what is being served: the snapshot itself, if nothing was written since.

        Raises:
            IndexUnavailableError: Nothing was indexed or written yet.
            VitrineError: The only version there is was refused, or the store cannot be read; the
                error says why.
        """
        view = self.served
        if view is None:
            if problem := self.problem:
                # The one error is raised for every request: its traceback must not pile up.
                raise problem.with_traceback(None)
            raise IndexUnavailableError(
                "nothing is indexed yet: run `vitrine reindex SOURCE` on this data directory"
            )
        return view

    def catch_up(self) -> None:
        """Show what was written since it was last called; returns when all of it is shown.

        A store that cannot be read is a `problem`, not an error: what was written is durable, and
        shown as soon as it can be read.
        """
        with self._catching_up:
            try:
                self._tail.catch_up()
                self._lag = None
            except StoreError as exc:
                self._lag = exc

    def refresh(self, *, again: bool = False) -> None:
        """Load the current version if it is another, and catch up.

        One that is refused leaves the old serving. A process that was started after that takes the
        newest version before it which is whole and of its own bundle. So an old bundle keeps its
        index until it is replaced together with it. One that was refused is looked at once, or
        `again` where somebody says that it is sound now.
        """
        with self._refreshing:
            try:
                if again:
                    self._refused = None
                self._renew()
            except StoreError as exc:
                self._refused, self._lag = None, exc  # and the next look tries again
        self.catch_up()

    def load(self, version: int) -> Snapshot:
        """Read a version that this process may serve.

        Raises:
            IndexCorruptError: It contradicts its manifest.
            BundleMismatchError: It was built by another model.
        """
        snapshot = self._snapshots.load(version)
        if snapshot.manifest.bundle_digest != self._bundle_digest:
            raise BundleMismatchError(
                f"index v{version:06d} was built by bundle {snapshot.manifest.bundle_name} "
                f"({snapshot.manifest.bundle_digest[:12]}), this process runs "
                f"{self._bundle_digest[:12]}: serve with that bundle, or run `vitrine reindex` "
                "with this one"
            )
        return snapshot

    def watch(self, interval_seconds: float) -> Thread:
        """Refresh in a background thread until `close`; log each new problem once."""

        def loop() -> None:
            known = ""
            while not self._stop.wait(interval_seconds):
                self.refresh()
                self._tail.layers.prepare()
                problem = self.problem
                if problem and str(problem) != known:
                    event = "index_refused" if problem is self._refusal else "index_behind"
                    _log.error(event, code=problem.code, detail=str(problem))
                known = str(problem or "")

        self._watcher = Thread(target=loop, name="live-index", daemon=True)
        self._watcher.start()
        return self._watcher

    def close(self) -> None:
        """Stop watching; returns when nothing reads the store any more."""
        self._stop.set()
        if self._watcher:
            self._watcher.join()

    def _renew(self) -> None:
        """Serve the current version, if it is another and may be; raises StoreError."""
        served = self.served
        try:
            version = self._snapshots.current()
            if version is None or version == self._refused:
                return
            if served is None or version != served.manifest.version:
                self._store.sequence()  # or what is loaded could not be served
                self._refused = version
                self._swap(self.load(version))
            self._refused = self._refusal = None
        except StoreError:
            raise
        except VitrineError as exc:
            self._refusal = exc
            if served is None:
                self._stand_in()

    def _swap(self, snapshot: Snapshot) -> None:
        """Serve a snapshot with all that was written since it was built, both from one moment on.

        Raises:
            StoreError: That cannot be read; what was served still is.
        """
        tail = _Tail(snapshot, self._store, self._bundle_digest)
        tail.catch_up()  # others may write meanwhile, but wait for the rest alone
        with self._catching_up:
            tail.catch_up()
            self._tail, self._hidden = tail, False

    def _stand_in(self) -> None:
        """Serve what served before the version that is refused, if there is anything.

        What was written live is hidden where there is not: the log of it goes no further back than
        the oldest version kept, so it would be a part of the catalogue that looks like all of it.
        """
        self._hidden = True
        if before := self._before():
            self._swap(before)

    def _before(self) -> Snapshot | None:
        """Return the newest version that served before and may still, if there is one."""
        with suppress(IndexCorruptError):  # CURRENT itself
            for version in self._snapshots.history()[1:]:
                with suppress(IndexCorruptError, BundleMismatchError):
                    return self.load(version)
        return None


class _Tail:
    """One snapshot, and how far the store was read beyond it; for one thread at a time."""

    def __init__(self, base: Snapshot, store: ProductStore, bundle: str) -> None:
        self.layers = Layers(base)
        self._store = store
        self._bundle = bundle
        self._sequence = base.manifest.sequence

    def catch_up(self) -> None:
        """Lay over the snapshot what was written since; raises StoreError."""
        if self._store.sequence() != self._sequence:
            replay = self._store.replay(self._sequence, self._bundle)
            self.layers.write(replay)
            self._sequence = replay.sequence
