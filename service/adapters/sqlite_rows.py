"""Products, pictures, vectors and changes as rows of the catalogue's tables, and back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.types import AttributeValue, Product, StoredProduct

Origin: TypeAlias = Literal["run", "live"]
Values: TypeAlias = tuple[str | float | None, ...]
FIELDS = "id, title, category, brand, price, currency, availability, url, attributes"
BUNDLE = "(SELECT number FROM bundles WHERE digest = ?)"
# Parameters are limited to 32,766; a list in one of them is not.
LISTED = "(SELECT value FROM json_each(?))"
_as_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def listed(values: Iterable[str]) -> str:
    """Return the parameter that `LISTED` takes."""
    return json.dumps(list(values))


def now() -> str:
    """Return the time, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def values_of(product: Product) -> Values:
    """Return what the columns of `FIELDS` hold."""
    return (
        product.id,
        product.title,
        product.category,
        product.brand,
        product.price,
        product.currency,
        product.availability,
        product.url,
        _as_json(dict(product.attributes)) if product.attributes else "{}",
    )


def stored_products(
    db: Connection, where: str, values: Sequence[object]
) -> dict[str, StoredProduct]:
    """Return the products that a clause selects, by id."""
    query = (
        f"SELECT {FIELDS}, updated_at, revision, (SELECT group_concat(hex(image_id)) FROM"
        " (SELECT image_id FROM product_images WHERE product_id = id ORDER BY position, number))"
        f" FROM products {where}"
    )
    return {
        row[0]: StoredProduct(
            product=product_of(row),
            image_ids=tuple(row[11].lower().split(",")) if row[11] else (),
            updated_at=row[9],
            revision=row[10],
        )
        for row in db.execute(query, tuple(values))
    }


def upsert_products(db: Connection, rows: Iterable[tuple[Values, str, int]]) -> None:
    """Write products: their values, when they changed, and the number of that change."""
    db.executemany(
        f"INSERT INTO products ({FIELDS}, updated_at, revision)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET title = excluded.title,"
        " category = excluded.category, brand = excluded.brand, price = excluded.price,"
        " currency = excluded.currency, availability = excluded.availability,"
        " url = excluded.url, attributes = excluded.attributes,"
        " updated_at = excluded.updated_at, revision = excluded.revision",
        ((*values, at, revision) for values, at, revision in rows),
    )


def append_images(db: Connection, pairs: Iterable[tuple[str, bytes]]) -> None:
    """Give products further pictures, after those they have."""
    db.executemany(
        "INSERT OR IGNORE INTO product_images (product_id, image_id, position) VALUES (?1, ?2,"
        " (SELECT COALESCE(MAX(position) + 1, 0) FROM product_images WHERE product_id = ?1))",
        pairs,
    )


def delete_products(db: Connection, product_ids: Sequence[str]) -> None:
    """Remove products and what says which pictures they had; vectors stay."""
    ids = listed(product_ids)
    db.execute(f"DELETE FROM product_images WHERE product_id IN {LISTED}", (ids,))
    db.execute(f"DELETE FROM products WHERE id IN {LISTED}", (ids,))


def keep_vectors(
    db: Connection, bundle_digest: str, vectors: Mapping[str, NDArray[np.float32]]
) -> None:
    """Keep a (dim,) vector for each image id; an existing one is left as it is."""
    if not vectors:
        return
    db.execute("INSERT OR IGNORE INTO bundles (digest) VALUES (?)", (bundle_digest,))
    db.executemany(
        f"INSERT OR IGNORE INTO embeddings (bundle, image_id, vector) VALUES ({BUNDLE}, ?, ?)",
        (
            (bundle_digest, bytes.fromhex(image_id), vector.astype("<f4").tobytes())
            for image_id, vector in vectors.items()
        ),
    )


def last_sequence(db: Connection) -> int:
    """Return the number of the last change, whether or not the log still has it."""
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
    return found[0] if found else 0


def last_stamp(db: Connection) -> str:
    """Return the number of the last change, and when that was where the log still has it.

    Another catalogue, or this one put back from a copy and written to again, has another time.
    """
    number = last_sequence(db)
    query = "SELECT at FROM changes WHERE sequence = ?"
    found = db.execute(query, (number,)).fetchone()
    return f"{number}@{found[0] if found else ''}"


def log(
    db: Connection,
    product_ids: Sequence[str],
    operation: Literal["put", "delete"],
    origin: Origin,
    at: str,
) -> Sequence[int]:
    """Note a change of each product; return their numbers."""
    first = last_sequence(db) + 1
    numbers = range(first, first + len(product_ids))
    db.executemany(
        "INSERT INTO changes (sequence, product_id, operation, origin, at) VALUES (?, ?, ?, ?, ?)",
        (
            (number, product_id, operation, origin, at)
            for number, product_id in zip(numbers, product_ids, strict=True)
        ),
    )
    return numbers


def log_puts(db: Connection, product_ids: Sequence[str]) -> tuple[dict[str, int], str]:
    """Note that a run changed these products; return each one's revision, and the time."""
    at = now()
    numbers = log(db, product_ids, "put", "run", at)
    revisions = dict(zip(product_ids, numbers, strict=True))
    db.executemany(
        "UPDATE products SET revision = ?, updated_at = ? WHERE id = ?",
        ((revision, at, id_) for id_, revision in revisions.items()),
    )
    return revisions, at


def product_of(row: Sequence[Any]) -> Product:
    """Return the product of `FIELDS`, and whatever comes after them."""
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
