"""The catalogue in SQLite: products, their pictures, and vectors by (picture, bundle)."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.adapters.sqlite_file import SqliteFile
from service.adapters.sqlite_vectors import read_vectors
from service.core.types import AttributeValue, Product, StoredProduct, VectorRows

_VERSION = 1
_SCHEMA = """
CREATE TABLE products (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL, category TEXT NOT NULL, brand TEXT NOT NULL, price REAL,
    currency TEXT NOT NULL, availability TEXT NOT NULL, url TEXT NOT NULL,
    attributes TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    run INTEGER NOT NULL
);
CREATE TABLE product_images (
    number INTEGER PRIMARY KEY,
    product_id TEXT NOT NULL,
    image_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    run INTEGER NOT NULL,
    UNIQUE (product_id, image_id)
);
CREATE TABLE bundles (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE);
CREATE TABLE embeddings (
    bundle INTEGER NOT NULL,
    image_id BLOB NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (bundle, image_id)
);
CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE runs (number INTEGER PRIMARY KEY AUTOINCREMENT, began_at TEXT NOT NULL)
"""
_FIELDS = "id, title, category, brand, price, currency, availability, url, attributes"
_BUNDLE = "(SELECT number FROM bundles WHERE digest = ?)"
# Parameters are limited to 32,766; a list in one of them is not.
_LISTED = "(SELECT value FROM json_each(?))"


class SqliteStore:
    """Satisfies `ProductStore`. One thread writes; any number read what is committed."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _SCHEMA, _VERSION)

    def begin_run(self) -> int:
        """Return the number of a new run."""
        with self._file.writing() as db:
            run = db.execute("INSERT INTO runs (began_at) VALUES (?)", (_now(),)).lastrowid
        self._file.commit()
        assert run is not None  # SQLite gives every inserted row one
        return run

    def put(self, product: Product, run: int) -> bool:
        """Insert or update a product; return False where this run had it before and won."""
        values = _values(product)
        with self._file.writing() as db:
            query = f"SELECT {_FIELDS}, run FROM products WHERE id = ?"
            before = db.execute(query, (product.id,)).fetchone()
            if before is not None and before[-1] == run:
                return False
            if before is not None and before[:-1] == values:
                db.execute("UPDATE products SET run = ? WHERE id = ?", (run, product.id))
                return True
            db.execute(
                f"INSERT INTO products ({_FIELDS}, updated_at, run)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET title = excluded.title,"
                " category = excluded.category, brand = excluded.brand, price = excluded.price,"
                " currency = excluded.currency, availability = excluded.availability,"
                " url = excluded.url, attributes = excluded.attributes,"
                " updated_at = excluded.updated_at, run = excluded.run",
                (*values, _now(), run),
            )
            _log(db, product.id, "put")
            return True

    def add_image(self, product_id: str, image_id: str, run: int) -> None:
        """Append a picture to a product, after those this run added before."""
        image = bytes.fromhex(image_id)
        with self._file.writing() as db:
            added = db.execute(
                "INSERT INTO product_images (product_id, image_id, position, run) VALUES (?, ?,"
                " (SELECT COUNT(*) FROM product_images WHERE product_id = ? AND run = ?), ?)"
                " ON CONFLICT (product_id, image_id) DO NOTHING",
                (product_id, image, product_id, run, run),
            ).rowcount
            if added:
                _log(db, product_id, "put")
                return
            db.execute(
                "UPDATE product_images SET run = ?, position ="
                " (SELECT COUNT(*) FROM product_images WHERE product_id = ? AND run = ?)"
                " WHERE product_id = ? AND image_id = ? AND run <> ?",
                (run, product_id, run, product_id, image, run),
            )

    def finish_run(
        self, run: int, *, incomplete: Collection[str] = (), delete_missing: bool
    ) -> int:
        """Drop pictures that the run replaced, and products it did not see if so asked."""
        removed = 0
        kept = json.dumps(list(incomplete))
        with self._file.writing() as db:
            replaced = (
                "run <> ? AND product_id IN (SELECT product_id FROM product_images WHERE run = ?)"
                " AND product_id NOT IN (SELECT value FROM json_each(?))"
            )
            db.execute(
                "INSERT INTO changes (product_id, operation, at)"
                f" SELECT DISTINCT product_id, 'put', ? FROM product_images WHERE {replaced}",
                (_now(), run, run, kept),
            )
            db.execute(f"DELETE FROM product_images WHERE {replaced}", (run, run, kept))
            if delete_missing:
                db.execute(
                    "INSERT INTO changes (product_id, operation, at)"
                    " SELECT id, 'delete', ? FROM products WHERE run <> ?",
                    (_now(), run),
                )
                removed = db.execute("DELETE FROM products WHERE run <> ?", (run,)).rowcount
                db.execute(
                    "DELETE FROM product_images WHERE product_id NOT IN (SELECT id FROM products)"
                )
        self._file.commit()
        return removed

    def put_embeddings(
        self, bundle_digest: str, vectors: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Keep a (dim,) vector for each image id; an existing one is left as it is."""
        with self._file.writing() as db:
            db.execute("INSERT OR IGNORE INTO bundles (digest) VALUES (?)", (bundle_digest,))
            db.executemany(
                "INSERT OR IGNORE INTO embeddings (bundle, image_id, vector)"
                f" VALUES ({_BUNDLE}, ?, ?)",
                (
                    (bundle_digest, bytes.fromhex(image_id), vector.astype("<f4").tobytes())
                    for image_id, vector in vectors.items()
                ),
            )

    def has_embedding(self, image_id: str, bundle_digest: str) -> bool:
        """Whether a committed vector of this picture by this bundle exists."""
        query = f"SELECT 1 FROM embeddings WHERE bundle = {_BUNDLE} AND image_id = ?"
        with self._file.reading() as db:
            found = db.execute(query, (bundle_digest, bytes.fromhex(image_id))).fetchone()
        return found is not None

    def vectors(
        self, image_ids: Collection[str], bundle_digest: str
    ) -> dict[str, NDArray[np.float32]]:
        """Return a (dim,) vector for those of the pictures that have one by this bundle."""
        with self._file.reading() as db:
            return read_vectors(db, image_ids, bundle_digest)

    def commit(self) -> None:
        """Make all writes so far durable."""
        self._file.commit()

    def rollback(self) -> None:
        """Take back the writes since the last commit."""
        self._file.rollback()

    def close(self) -> None:
        """Close the database."""
        self._file.close()

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those of the products that exist, by id."""
        with self._file.reading() as db:
            return _stored(db, f"WHERE id IN {_LISTED}", (json.dumps(product_ids),))

    def list_products(self, limit: int) -> list[StoredProduct]:
        """Return the first products by insertion."""
        with self._file.reading() as db:
            return list(_stored(db, "ORDER BY number LIMIT ?", (limit,)).values())

    def count_products(self) -> int:
        """How many products there are, with pictures or without."""
        with self._file.reading() as db:
            count: int = db.execute("SELECT COUNT(*) FROM products").fetchone()[0]
        return count

    def count_rows(self, bundle_digest: str) -> int:
        """How many (product, picture) pairs have a vector by this bundle."""
        query = (
            "SELECT COUNT(*) FROM product_images JOIN embeddings USING (image_id)"
            f" WHERE bundle = {_BUNDLE}"
        )
        with self._file.reading() as db:
            count: int = db.execute(query, (bundle_digest,)).fetchone()[0]
        return count

    def rows(self, bundle_digest: str, batch: int) -> Iterator[VectorRows]:
        """Yield those pairs with their vectors, in insertion order, `batch` at a time."""
        query = (
            "SELECT number, image_id, product_id, vector"
            " FROM product_images JOIN embeddings USING (image_id)"
            f" WHERE bundle = {_BUNDLE} AND number > ? ORDER BY number LIMIT ?"
        )
        last = 0
        while True:
            with self._file.reading() as db:
                found = db.execute(query, (bundle_digest, last, batch)).fetchall()
            if not found:
                return
            last = found[-1][0]
            yield VectorRows(
                image_ids=[image.hex() for _, image, _, _ in found],
                product_ids=[product for _, _, product, _ in found],
                vectors=np.stack([np.frombuffer(row[3], dtype="<f4") for row in found]),
            )

    def sequence(self) -> int:
        """Number of the last committed write."""
        with self._file.reading() as db:
            last = db.execute("SELECT MAX(sequence) FROM changes").fetchone()[0]
        return last or 0


def _values(product: Product) -> tuple[str | float | None, ...]:
    attributes = json.dumps(dict(product.attributes), sort_keys=True, ensure_ascii=False)
    return (
        product.id,
        product.title,
        product.category,
        product.brand,
        product.price,
        product.currency,
        product.availability,
        product.url,
        attributes,
    )


def _stored(db: Connection, where: str, values: Sequence[object]) -> dict[str, StoredProduct]:
    query = (
        f"SELECT {_FIELDS}, updated_at, (SELECT group_concat(hex(image_id)) FROM"
        " (SELECT image_id FROM product_images WHERE product_id = id ORDER BY position))"
        f" FROM products {where}"
    )
    return {
        row[0]: StoredProduct(
            product=_product(row),
            image_ids=tuple(row[10].lower().split(",")) if row[10] else (),
            updated_at=row[9],
        )
        for row in db.execute(query, tuple(values))
    }


def _product(row: tuple[Any, ...]) -> Product:
    id_, title, category, brand, price, currency, availability, url, attributes = row[:9]
    return Product(
        id=id_,
        title=title,
        category=category,
        brand=brand,
        price=price,
        currency=currency,
        availability=availability,
        url=url,
        attributes=_attributes(attributes),
    )


def _attributes(text: str) -> dict[str, AttributeValue]:
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(text).items()
    }


def _log(db: Connection, product_id: str, operation: str) -> None:
    db.execute(
        "INSERT INTO changes (product_id, operation, at) VALUES (?, ?, ?)",
        (product_id, operation, _now()),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
