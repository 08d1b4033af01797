"""Live writes of products, one by one inside the writer's transaction.

Write -> done before? -> as it is now, as expected? -> products, product_images -> a change
      -> Written | an error
"""

from sqlite3 import Connection

from service.adapters.sqlite_requests import recalled, remember
from service.adapters.sqlite_rows import (
    LISTED,
    append_images,
    delete_products,
    listed,
    log,
    now,
    stored_products,
    upsert_products,
    values_of,
)
from service.core.errors import ProductNotFoundError, RevisionError
from service.core.store import Write, WriteResult, Written
from service.core.types import StoredProduct


def apply(db: Connection, write: Write) -> WriteResult:
    """Write one product, unless that was done before, and say what came of it."""
    if write.key is None:
        return _applied(db, write, now())
    if done := recalled(db, write.key):
        return done
    at = now()
    made = _applied(db, write, at)
    if isinstance(made, Written):
        remember(db, write.key, made, at)
    return made


def _applied(db: Connection, write: Write, at: str) -> WriteResult:
    id_ = write.product_id
    before = stored_products(db, "WHERE id = ?", (id_,)).get(id_)
    if before is None and write.product is None:
        return ProductNotFoundError(f"there is no product {id_!r}")
    if write.expected is not None and write.expected != (before.revision if before else 0):
        return RevisionError(_conflict(write, before))
    if write.product is None:
        delete_products(db, [id_])
        (revision,) = log(db, [id_], "delete", "live", at)
        return Written(None, revision, created=False)
    (revision,) = log(db, [id_], "put", "live", at)
    upsert_products(db, [(values_of(write.product), at, revision)])
    images = before.image_ids if before else ()
    if write.image_ids is not None and write.image_ids != images:
        images = tuple(dict.fromkeys(write.image_ids))
        _replace_images(db, id_, images)
    stored = StoredProduct(write.product, images, at, revision)
    return Written(stored, revision, created=before is None)


def _conflict(write: Write, before: StoredProduct | None) -> str:
    name = f"product {write.product_id!r}"
    if before is None:
        return f"{name} does not exist, the write expected revision {write.expected}"
    if write.expected == 0:
        return f"{name} exists, at revision {before.revision}; the write expected that it does not"
    return (
        f"{name} is at revision {before.revision}, the write expected {write.expected}: "
        "read it again"
    )


def _replace_images(db: Connection, product_id: str, image_ids: tuple[str, ...]) -> None:
    """Give a product these pictures in this order; those it keeps stay the rows they are."""
    db.execute(
        f"DELETE FROM product_images WHERE product_id = ? AND lower(hex(image_id)) NOT IN {LISTED}",
        (product_id, listed(image_ids)),
    )
    images = [bytes.fromhex(image_id) for image_id in image_ids]
    append_images(db, ((product_id, image) for image in images))
    db.executemany(
        "UPDATE product_images SET position = ? WHERE product_id = ? AND image_id = ?",
        ((position, product_id, image) for position, image in enumerate(images)),
    )
