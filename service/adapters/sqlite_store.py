"""The catalogue in SQLite: one file, read by many, written by turns.

reads -> SqliteView | a reindex -> SqliteRun | a live write -> sqlite_writes | events
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.adapters.kept_products import KeptProducts
from service.adapters.sqlite_differences import known_downloads
from service.adapters.sqlite_events import SqliteEvents
from service.adapters.sqlite_file import SqliteFile
from service.adapters.sqlite_requests import recalled
from service.adapters.sqlite_rows import BUNDLE, keep_vectors, last_stamp
from service.adapters.sqlite_runs import SqliteRun
from service.adapters.sqlite_schema import MIGRATIONS
from service.adapters.sqlite_vectors import read_vectors
from service.adapters.sqlite_view import SqliteView
from service.adapters.sqlite_writes import apply
from service.core.errors import RequestKeyError
from service.core.idempotency import RequestKey
from service.core.store import KnownDownload, Replay, Write, WriteResult, Written
from service.core.types import StoredProduct

_FORGOTTEN_AT_ONCE = 10_000


class SqliteStore:
    """Satisfies `ProductStore`."""

    def __init__(self, path: Path, *, keeps: int = 0) -> None:
        """Open nothing yet.

        Args:
            path: The file.
            keeps: Products that stay in memory until something is written.
        """
        self._file = SqliteFile(path, MIGRATIONS)
        self._kept = KeptProducts(self.stamp, self._read, keeps) if keeps else None

    @contextmanager
    def run(self, bundle_digest: str, *, dry: bool = False) -> Iterator[SqliteRun]:
        """Begin a reindex by this bundle; a dry one counts the same and writes nothing."""
        with self._file.alone() as db:
            yield SqliteRun(self._file, db, bundle_digest, dry=dry)

    def write(
        self,
        writes: Sequence[Write],
        bundle_digest: str,
        vectors: Mapping[str, NDArray[np.float32]],
    ) -> list[WriteResult]:
        """Make live writes durable, all in one transaction, with the vectors they need."""
        with self._file.writing() as db:
            keep_vectors(db, bundle_digest, vectors)
            return [apply(db, write) for write in writes]

    def recalled(self, key: RequestKey) -> Written | None:
        """Return what came of a request that was done; raises RequestKeyError."""
        with self._file.reading() as db:
            done = recalled(db, key)
        if isinstance(done, RequestKeyError):
            raise done
        return done

    def replay(self, after: int, bundle_digest: str) -> Replay:
        """Return what a snapshot built at sequence `after` lacks."""
        with self.view() as view:
            return view.replay(after, bundle_digest)

    @contextmanager
    def view(self) -> Iterator[SqliteView]:
        """Hold one moment of the catalogue."""
        with self._file.reading() as db, self._file.transaction(db, writes=False):
            view = SqliteView(db)
            view.sequence()  # the moment is that of the first read
            yield view

    def embedded(self, image_ids: Collection[str], bundle_digest: str) -> set[str]:
        """Return those of the pictures that have a vector by this bundle."""
        query = f"SELECT 1 FROM embeddings WHERE bundle = {BUNDLE} AND image_id = ?"
        with self._file.reading() as db, self._file.transaction(db, writes=False):
            return {
                image_id
                for image_id in image_ids
                if db.execute(query, (bundle_digest, bytes.fromhex(image_id))).fetchone()
            }

    def vectors(
        self, image_ids: Collection[str], bundle_digest: str
    ) -> dict[str, NDArray[np.float32]]:
        """Return a (dim,) vector for those of the pictures that have one by this bundle."""
        with self._file.reading() as db:
            return read_vectors(db, image_ids, bundle_digest)

    def downloads(self, urls: Collection[str]) -> dict[str, KnownDownload]:
        """Return what was last found behind each URL, where anything was."""
        with self._file.reading() as db:
            return known_downloads(db, urls)

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those of the products that exist, by id."""
        kept = self._kept
        return self._read(product_ids) if kept is None else kept.get_many(product_ids)

    def _read(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        with self._file.reading() as db:
            return SqliteView(db).get_many(product_ids)

    def list_products(self, limit: int) -> list[StoredProduct]:
        """Return the first products by insertion."""
        with self._file.reading() as db:
            return SqliteView(db).list_products(limit)

    def count_products(self) -> int:
        """How many products there are, with pictures or without."""
        with self._file.reading() as db:
            return SqliteView(db).count_products()

    def sequence(self) -> int:
        """Number of the last committed write; asking makes no file."""
        if not self._file.exists:
            return 0
        with self._file.reading() as db:
            return SqliteView(db).sequence()

    def stamp(self) -> str:
        """Tell this moment of the catalogue from every other; asking makes no file."""
        return self._file.unchanged(last_stamp) or "0@"

    def forget_changes(self, before: int) -> None:
        """Drop the log of changes up to a sequence number, which no snapshot needs any more."""
        some = "SELECT sequence FROM changes WHERE sequence <= ? ORDER BY sequence LIMIT ?"
        forgotten = 1
        while forgotten:  # in short transactions, so that a live write never waits long
            with self._file.writing() as db:
                forgotten = db.execute(
                    f"DELETE FROM changes WHERE sequence IN ({some})",
                    (before, _FORGOTTEN_AT_ONCE),
                ).rowcount

    def events(self, most: int) -> SqliteEvents:
        """Return the events that are kept in the same file, `most` of them; closed with it."""
        return SqliteEvents(self._file, most)

    def close(self) -> None:
        """Close the database."""
        self._file.close()
