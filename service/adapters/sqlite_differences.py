"""What a batch of a reindex shows against what is stored, and the writing of what differs."""

from collections.abc import Collection
from dataclasses import dataclass, field
from sqlite3 import Connection

from service.adapters.sqlite_rows import (
    FIELDS,
    LISTED,
    Values,
    append_images,
    listed,
    log_puts,
    upsert_products,
)
from service.core.store import KnownDownload
from service.core.types import Validators


@dataclass(frozen=True, slots=True)
class Differences:
    """What is to be compared, and what of it differs.

    Attributes:
        products: Values by id.
        images: Of a product, in order.
        downloads: What is behind each URL.
        new: Which of the products do not exist yet.
    """

    products: dict[str, Values] = field(default_factory=dict)
    images: list[tuple[str, bytes]] = field(default_factory=list)
    downloads: dict[str, KnownDownload] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)

    @property
    def product_ids(self) -> list[str]:
        """Products that differ by their fields or pictures."""
        return list(dict.fromkeys([*self.products, *(id_ for id_, _ in self.images)]))

    @property
    def any(self) -> bool:
        """Whether anything differs."""
        return bool(self.products or self.images or self.downloads)


def compare(db: Connection, shown: Differences, left_alone: Collection[str]) -> Differences:
    """Return what is not yet as it was shown; products in `left_alone` stay as they are."""
    query = f"SELECT {FIELDS} FROM products WHERE id IN {LISTED}"
    stored = {row[0]: row for row in db.execute(query, (listed(shown.products),))}
    pairs = f"SELECT product_id, image_id FROM product_images WHERE product_id IN {LISTED}"
    held = set(db.execute(pairs, (listed({id_ for id_, _ in shown.images}),)))
    known = known_downloads(db, shown.downloads) if shown.downloads else {}
    products = {
        id_: values
        for id_, values in shown.products.items()
        if stored.get(id_) != values and id_ not in left_alone
    }
    return Differences(
        products=products,
        images=[pair for pair in shown.images if pair not in held and pair[0] not in left_alone],
        downloads={url: d for url, d in shown.downloads.items() if known.get(url) != d},
        new=products.keys() - stored.keys(),
    )


def write_differences(db: Connection, found: Differences) -> None:
    """Make the stored as it was shown."""
    revisions, at = log_puts(db, found.product_ids)
    values = found.products.items()
    upsert_products(db, ((row, at, revisions[id_]) for id_, row in values))
    append_images(db, found.images)
    db.executemany(
        "INSERT OR REPLACE INTO downloads (url, image_id, etag, last_modified) VALUES (?, ?, ?, ?)",
        (
            (d.url, bytes.fromhex(d.image_id), d.validators.etag, d.validators.last_modified)
            for d in found.downloads.values()
        ),
    )


def known_downloads(db: Connection, urls: Collection[str]) -> dict[str, KnownDownload]:
    """Return what was last found behind each URL, where anything was."""
    query = f"SELECT url, image_id, etag, last_modified FROM downloads WHERE url IN {LISTED}"
    return {
        url: KnownDownload(url, image.hex(), Validators(etag, last_modified))
        for url, image, etag, last_modified in db.execute(query, (listed(urls),))
    }
