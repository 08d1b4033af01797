"""DATA/CURRENT: the serving version, and below it those that served before, newest first.

One rename changes both, so that a rollback knows where to go whatever was interrupted.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from service.core.errors import IndexCorruptError

_REMEMBERED = 20


class CurrentFile:
    """Reads and replaces the file; raises OSError where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def history(self) -> tuple[int, ...]:
        """Return the serving version and those before it; empty before the first promotion.

        Raises:
            IndexCorruptError: The file holds something else.
        """
        try:
            names = self._path.read_text().split() or [""]
            return tuple(int(name.removeprefix("v")) for name in names)
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as exc:
            raise IndexCorruptError(
                f"{self._path} does not name a version: run `vitrine reindex` again"
            ) from exc

    def promote(self, version: int) -> None:
        """Put a version before those that served, atomically and durably."""
        with self._locked():
            try:
                before = self.history()
            except IndexCorruptError:  # mended by what follows
                before = ()
            self._replace((version, *(v for v in before if v != version)))

    def roll_back(self) -> int | None:
        """Put the version before the serving one in its place; return it, or None if none is."""
        with self._locked():
            before = self.history()[1:]
            if before:
                self._replace(before)
            return before[0] if before else None

    def forget(self, versions: set[int]) -> None:
        """Strike out versions that are there no more; never the serving one."""
        with self._locked():
            history = self.history()
            kept = [v for v in history if v == history[0] or v not in versions]
            if len(kept) < len(history):
                self._replace(kept)

    def _replace(self, history: Sequence[int]) -> None:
        beside = self._path.with_name("CURRENT.tmp")
        beside.write_text("".join(f"v{version:06d}\n" for version in history[:_REMEMBERED]))
        sync(beside)
        os.replace(beside, self._path)
        sync(self._path.parent)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the folder, so that a rollback and the end of a reindex do not undo each other."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def sync(path: Path) -> None:
    """Make a file or folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
