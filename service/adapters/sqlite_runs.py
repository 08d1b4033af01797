"""One reindex over the catalogue: compared in batches, written only where it differs.

rows -> seen_products, seen_images (temporary) -> compared with what is stored -> written if other
finish -> pictures as they were seen, in order -> products that were not seen, if so asked -> counts

Comparing takes no lock that a writer waits for. What differs is compared again inside the short
transaction that writes it: a live write may have come between, and wins.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray

from service.adapters.sqlite_differences import Differences, compare, write_differences
from service.adapters.sqlite_file import SqliteFile
from service.adapters.sqlite_rows import (
    LISTED,
    delete_products,
    keep_vectors,
    last_sequence,
    listed,
    log,
    log_puts,
    now,
    values_of,
)
from service.core.store import RunTotals, SeenRow

_AT_ONCE = 1000
_NEW, _CHANGED = 1, 2
# SQLite's own caches of 2 MB fill early. With 16 MB each a second run took 30 MB more at 100,000
# products than at 10,000, and no less of the processor; a tenth less where rows came in no order.
_TABLES = """
CREATE TEMP TABLE seen_products (
    id TEXT PRIMARY KEY,
    state INTEGER NOT NULL DEFAULT 0,
    keeps_images INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TEMP TABLE seen_images (
    product_id TEXT NOT NULL,
    image_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (product_id, image_id)
) WITHOUT ROWID;
CREATE TEMP TABLE written_live (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE replaced (number INTEGER PRIMARY KEY, id TEXT NOT NULL);
CREATE TEMP TABLE missing (number INTEGER PRIMARY KEY, id TEXT NOT NULL);
"""
_SEEN = "SELECT image_id FROM seen_images WHERE product_id = id ORDER BY number"
_STORED = "SELECT image_id FROM product_images WHERE product_id = id ORDER BY position, number"
_REPLACED = f"""
INSERT INTO replaced (id) SELECT id FROM seen_products
    WHERE NOT keeps_images
    AND EXISTS (SELECT 1 FROM seen_images WHERE product_id = id)
    AND (SELECT group_concat(hex(image_id)) FROM ({_SEEN}))
        IS NOT (SELECT group_concat(hex(image_id)) FROM ({_STORED}))
"""
_MISSING = """
INSERT INTO missing (id) SELECT id FROM products WHERE id NOT IN (SELECT id FROM seen_products)
    ORDER BY number
"""


class SqliteRun:
    """Satisfies `CatalogRun`, over a connection of its own."""

    def __init__(self, file: SqliteFile, db: Connection, bundle_digest: str, *, dry: bool) -> None:
        self._file = file
        self._db = db
        self._bundle_digest = bundle_digest
        self._dry = dry
        self._images = 0
        self._removed = 0
        self._db.executescript(_TABLES)
        self._looked = last_sequence(db)

    def merge(self, rows: Sequence[SeenRow], vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Insert or update what the rows say, with (dim,) vectors of new pictures by image id."""
        with self._reading():
            found = self._compare(self._see(rows))
        if not (found.any or vectors):
            return
        with self._writing():
            found = self._compare(found)
            self._mark(found.new, _NEW)
            self._mark(found.product_ids, _CHANGED)
            if not self._dry:
                write_differences(self._db, found)
                keep_vectors(self._db, self._bundle_digest, vectors)

    def keep(self, product_ids: Sequence[str]) -> None:
        """Count products as seen, and leave them as they are."""
        with self._reading():
            self._keep(product_ids)

    def totals(self) -> RunTotals:
        """Return what the run did so far."""
        with self._reading():
            query = "SELECT COUNT(*), TOTAL(state = ?), TOTAL(state = ?) FROM seen_products"
            products, new, changed = self._db.execute(query, (_NEW, _CHANGED)).fetchone()
        return RunTotals(products, int(new), int(changed), self._removed)

    def finish(self, *, incomplete: Collection[str], delete_missing: bool) -> RunTotals:
        """Drop the pictures that the run replaced and, if so asked, the products it did not see."""
        with self._reading():
            self._keep(incomplete)
            self._db.execute(_REPLACED)
            if delete_missing:
                self._db.execute(_MISSING)
        for some in self._batches("replaced"):
            with self._writing():
                replaced = self._not_written_live(some)
                self._mark(replaced, _CHANGED)
                if not self._dry:
                    self._replace_images(replaced)
        for some in self._batches("missing"):
            with self._writing():
                missing = self._not_written_live(some)
                self._removed += len(missing)
                if not self._dry:
                    delete_products(self._db, missing)
                    log(self._db, missing, "delete", "run", now())
        return self.totals()

    def _reading(self) -> AbstractContextManager[None]:
        return self._file.transaction(self._db, writes=False)

    def _writing(self) -> AbstractContextManager[None]:
        return self._file.transaction(self._db, writes=not self._dry)

    def _see(self, rows: Sequence[SeenRow]) -> Differences:
        """Note what the rows show, and return it: of each product, the first row's fields."""
        ids = listed({row.product.id for row in rows})
        query = f"SELECT id FROM seen_products WHERE id IN {LISTED}"
        seen = {id_ for (id_,) in self._db.execute(query, (ids,))}
        shown = Differences()
        for row in rows:
            id_ = row.product.id
            if id_ not in seen and id_ not in shown.products:
                shown.products[id_] = values_of(row.product)
            if row.image_id is not None:
                shown.images.append((id_, bytes.fromhex(row.image_id)))
            if row.download is not None:
                shown.downloads[row.download.url] = row.download
        self._db.executemany(
            "INSERT INTO seen_products (id) VALUES (?)", ((id_,) for id_ in shown.products)
        )
        numbered = enumerate(shown.images, start=self._images)
        self._db.executemany(
            "INSERT OR IGNORE INTO seen_images (product_id, image_id, number) VALUES (?, ?, ?)",
            ((id_, image, number) for number, (id_, image) in numbered),
        )
        self._images += len(shown.images)
        return shown

    def _compare(self, shown: Differences) -> Differences:
        return compare(self._db, shown, self._written_live(shown.product_ids))

    def _written_live(self, product_ids: Collection[str]) -> set[str]:
        """Return those that were written live since the run began, deleted ones too."""
        last = last_sequence(self._db)
        if last > self._looked:
            self._db.execute(
                "INSERT OR IGNORE INTO written_live (id)"
                " SELECT product_id FROM changes WHERE sequence > ? AND origin = 'live'",
                (self._looked,),
            )
            self._looked = last
        query = f"SELECT id FROM written_live WHERE id IN {LISTED}"
        return {id_ for (id_,) in self._db.execute(query, (listed(product_ids),))}

    def _not_written_live(self, product_ids: Sequence[str]) -> list[str]:
        live = self._written_live(product_ids)
        return [id_ for id_ in product_ids if id_ not in live]

    def _mark(self, product_ids: Collection[str], state: int) -> None:
        self._db.execute(
            f"UPDATE seen_products SET state = ? WHERE state = 0 AND id IN {LISTED}",
            (state, listed(product_ids)),
        )

    def _keep(self, product_ids: Collection[str]) -> None:
        self._db.executemany(
            "INSERT INTO seen_products (id, keeps_images) VALUES (?, 1)"
            " ON CONFLICT (id) DO UPDATE SET keeps_images = 1",
            ((id_,) for id_ in product_ids),
        )

    def _batches(self, table: str) -> Iterator[list[str]]:
        query = f"SELECT number, id FROM {table} WHERE number > ? ORDER BY number LIMIT ?"
        last = 0
        while some := self._db.execute(query, (last, _AT_ONCE)).fetchall():
            last = some[-1][0]
            yield [id_ for _, id_ in some]

    def _replace_images(self, product_ids: Sequence[str]) -> None:
        """Leave these products the pictures that the run saw, in the order it saw them."""
        ids = listed(product_ids)
        self._db.execute(
            f"DELETE FROM product_images WHERE product_id IN {LISTED} AND NOT EXISTS"
            " (SELECT 1 FROM seen_images AS seen WHERE seen.product_id = product_images.product_id"
            " AND seen.image_id = product_images.image_id)",
            (ids,),
        )
        self._db.execute(
            "UPDATE product_images SET position = seen.number FROM seen_images AS seen"
            f" WHERE product_images.product_id IN {LISTED}"
            " AND seen.product_id = product_images.product_id"
            " AND seen.image_id = product_images.image_id",
            (ids,),
        )
        log_puts(self._db, product_ids)
