"""Reads of the catalogue through one connection: one moment of it, inside a transaction."""

from collections.abc import Iterator, Sequence
from sqlite3 import Connection

import numpy as np

from service.adapters.sqlite_rows import BUNDLE, LISTED, last_sequence, listed, stored_products
from service.core.store import LiveProduct, Replay, VectorRows
from service.core.types import StoredProduct, Vectors

_BATCH = 1000


class SqliteView:
    """Satisfies `CatalogView`, where the connection is in a transaction."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def sequence(self) -> int:
        """Number of the last committed write."""
        return last_sequence(self._db)

    def count_products(self) -> int:
        """How many products there are, with pictures or without."""
        count: int = self._db.execute("SELECT COUNT(*) FROM products").fetchone()[0]
        return count

    def count_rows(self, bundle_digest: str) -> int:
        """How many (product, picture) pairs have a vector by this bundle."""
        query = (
            "SELECT COUNT(*) FROM product_images JOIN embeddings USING (image_id)"
            f" WHERE bundle = {BUNDLE}"
        )
        count: int = self._db.execute(query, (bundle_digest,)).fetchone()[0]
        return count

    def rows(self, bundle_digest: str, batch: int) -> Iterator[VectorRows]:
        """Yield those pairs with their vectors, in insertion order, `batch` at a time."""
        query = (
            "SELECT number, image_id, product_id, vector"
            " FROM product_images JOIN embeddings USING (image_id)"
            f" WHERE bundle = {BUNDLE} AND number > ? ORDER BY number LIMIT ?"
        )
        last = 0
        while found := self._db.execute(query, (bundle_digest, last, batch)).fetchall():
            last = found[-1][0]
            yield VectorRows(
                image_ids=[image.hex() for _, image, _, _ in found],
                product_ids=[product for _, _, product, _ in found],
                vectors=_stacked([vector for _, _, _, vector in found], 0),
            )

    def without_vectors(self, bundle_digest: str) -> list[StoredProduct]:
        """Return the products of which no picture has a vector by this bundle, oldest first."""
        pictures = "SELECT 1 FROM product_images CROSS JOIN embeddings USING (image_id)"
        lacking = f"NOT EXISTS ({pictures} WHERE product_id = id AND bundle = {BUNDLE})"
        found = stored_products(self._db, f"WHERE {lacking} ORDER BY number", (bundle_digest,))
        return list(found.values())

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those of the products that exist, by id."""
        return stored_products(self._db, f"WHERE id IN {LISTED}", (listed(product_ids),))

    def list_products(self, limit: int) -> list[StoredProduct]:
        """Return the first products by insertion."""
        return list(stored_products(self._db, "ORDER BY number LIMIT ?", (limit,)).values())

    def replay(self, after: int, bundle_digest: str) -> Replay:
        """Return what a snapshot built at sequence `after` lacks."""
        query = (
            "SELECT DISTINCT product_id FROM changes"
            " WHERE sequence > ? AND (origin = 'live' OR operation = 'delete')"
        )
        changed = [id_ for (id_,) in self._db.execute(query, (after,))]
        products: dict[str, LiveProduct | None] = dict.fromkeys(changed)
        dim = self._dim(bundle_digest) if changed else 0
        for start in range(0, len(changed), _BATCH):
            products.update(self._live(changed[start : start + _BATCH], bundle_digest, dim))
        return Replay(self.sequence(), products)

    def _live(self, ids: list[str], bundle_digest: str, dim: int) -> dict[str, LiveProduct]:
        query = (
            # CROSS: SQLite, left to choose, may begin with every embedding of the bundle.
            "SELECT product_id, image_id, vector FROM product_images"
            f" CROSS JOIN embeddings USING (image_id) WHERE product_id IN {LISTED}"
            f" AND bundle = {BUNDLE} ORDER BY product_id, position, number"
        )
        images: dict[str, list[tuple[str, bytes]]] = {}
        for id_, image, vector in self._db.execute(query, (listed(ids), bundle_digest)):
            images.setdefault(id_, []).append((image.hex(), vector))
        return {
            id_: LiveProduct(
                product=stored.product,
                image_ids=tuple(image for image, _ in images.get(id_, ())),
                vectors=_stacked([vector for _, vector in images.get(id_, ())], dim),
            )
            for id_, stored in self.get_many(ids).items()
        }

    def _dim(self, bundle_digest: str) -> int:
        """Return the length of this bundle's vectors, 0 where there is none."""
        query = f"SELECT length(vector) / 4 FROM embeddings WHERE bundle = {BUNDLE} LIMIT 1"
        found = self._db.execute(query, (bundle_digest,)).fetchone()
        return found[0] if found else 0


def _stacked(vectors: list[bytes], dim: int) -> Vectors:
    """Return (n, dim) vectors; `dim` is needed where n is 0."""
    if not vectors:
        return np.empty((0, dim), np.float32)
    flat = np.frombuffer(b"".join(vectors), dtype="<f4")
    return flat.reshape(len(vectors), -1).astype(np.float32, copy=False)
