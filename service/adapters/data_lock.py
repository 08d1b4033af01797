"""One that builds or promotes a data directory at a time: a lock that dies with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.core.errors import CatalogBusyError, StoreError


@contextmanager
def writing_to(data_dir: Path) -> Iterator[None]:
    """Hold the directory's lock.

    Raises:
        CatalogBusyError: Another process holds it, or another thread of this one.
        StoreError: The directory cannot be written.
    """
    path = data_dir / "reindex.lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as exc:
        raise StoreError(f"{data_dir} cannot be written: {exc.strerror}") from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            file.seek(0)
            raise CatalogBusyError(
                f"{data_dir} is being reindexed or compacted by process {file.read().strip()}; "
                "wait for it, or stop it first"
            ) from exc
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
