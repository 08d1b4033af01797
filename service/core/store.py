"""The durable truth about a catalogue, and the Protocols of those who keep it.

    reindex  rows of a source -> CatalogRun.merge, batch by batch -> finish -> RunTotals
    live     Write -> ProductStore.write -> Written, durable      -> Replay in every process
    build    ProductStore.view -> CatalogView, one moment of it   -> a snapshot

Every write has a sequence number. What a live write changed is told apart from what a run changed:
a run's changes show when its snapshot is promoted, a live write shows at once.

Adapters satisfy the Protocols and pass one contract suite (tests/contract).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.errors import ProductNotFoundError, RequestKeyError, RevisionError
from service.core.idempotency import RequestKey
from service.core.types import Product, StoredProduct, Thumbnail, Validators, Vectors


@dataclass(frozen=True, slots=True)
class VectorRows:
    """Some rows of an index: n image ids, n product ids, (n, dim) vectors."""

    image_ids: list[str]
    product_ids: list[str]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class SeenRow:
    """One row of a source as a run saw it: a product, and the picture it could be given.

    Attributes:
        image_id: None where the row has no picture, or one that failed.
        download: Where the picture is behind a URL, what the server said of it.
    """

    product: Product
    image_id: str | None = None
    download: "KnownDownload | None" = None


@dataclass(frozen=True, slots=True)
class KnownDownload:
    """What was last found behind a URL, and how to ask whether that changed."""

    url: str
    image_id: str
    validators: Validators


@dataclass(frozen=True, slots=True)
class RunTotals:
    """What a run did to the products.

    Attributes:
        products: Seen, those that were kept included.
        changed: By their fields or pictures, not counting new ones.
    """

    products: int
    new: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class Write:
    """One live write of one product.

    Attributes:
        product: As it shall be; None deletes it.
        image_ids: All its pictures, in order; None leaves those it has.
        expected: Revision that it must have, 0 that it must not exist yet; None is any.
        key: Where the request may come again, what it is known by.
    """

    product_id: str
    product: Product | None
    image_ids: tuple[str, ...] | None = None
    expected: int | None = None
    key: RequestKey | None = None

    def __post_init__(self) -> None:
        """Refuse a product under another's id."""
        if self.product is not None and self.product.id != self.product_id:
            raise ValueError(f"product {self.product.id!r} cannot be put as {self.product_id!r}")


@dataclass(frozen=True, slots=True)
class Written:
    """A live write that is durable.

    Attributes:
        stored: The product as it now is; None where it was deleted.
        revision: Sequence number of the write.
        created: Whether the product did not exist before.
    """

    stored: StoredProduct | None
    revision: int
    created: bool


WriteResult: TypeAlias = Written | RevisionError | ProductNotFoundError | RequestKeyError
"""An error is of one write alone; the others of its batch are durable."""


@dataclass(frozen=True, slots=True)
class LiveProduct:
    """A product as a delta shows it: those n pictures that have a vector, and (n, dim) vectors."""

    product: Product
    image_ids: tuple[str, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Replay:
    """What changed since a sequence number, as it is now.

    Attributes:
        sequence: Up to which this tells everything.
        products: Written live, or deleted by whomever (None).
    """

    sequence: int
    products: Mapping[str, LiveProduct | None]


class CatalogView(Protocol):
    """The catalogue at one moment; what is committed later is not seen. For one thread."""

    def sequence(self) -> int:
        """Number of the last committed write."""
        ...

    def count_products(self) -> int:
        """How many products there are, with pictures or without."""
        ...

    def count_rows(self, bundle_digest: str) -> int:
        """How many (product, picture) pairs have a vector by this bundle."""
        ...

    def rows(self, bundle_digest: str, batch: int) -> Iterator[VectorRows]:
        """Yield those pairs with their vectors, in insertion order, `batch` at a time."""
        ...

    def without_vectors(self, bundle_digest: str) -> list[StoredProduct]:
        """Return the products of which no picture has a vector by this bundle, oldest first."""
        ...

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those of the products that exist, by id."""
        ...


class CatalogRun(Protocol):
    """The writes of one reindex, in short transactions, so that others can write between them.

    What a call did is durable when it returns. For one thread.

    A product that is written live after the run began stays as that write left it: its rows are
    seen, and change nothing.
    """

    def merge(self, rows: Sequence[SeenRow], vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Insert or update what the rows say, with (dim,) vectors of new pictures by image id.

        Of rows that share an id, within a run, the first one's fields win and each adds its
        picture, in order.
        """
        ...

    def keep(self, product_ids: Sequence[str]) -> None:
        """Count products as seen, and drop none of their pictures.

        Their fields stay as they are too, unless rows of theirs are merged before.
        """
        ...

    def totals(self) -> RunTotals:
        """Return what the run did so far."""
        ...

    def finish(self, *, incomplete: Collection[str], delete_missing: bool) -> RunTotals:
        """Drop the pictures that the run replaced and, if so asked, the products it did not see.

        The products in `incomplete`, of which a picture could not be read, keep what they had; so
        do those that were seen without any picture.
        """
        ...


class ProductStore(Protocol):
    """The catalogue: products, their pictures, vectors by (picture, bundle), log of changes.

    Writers take turns; readers never wait, and see what is committed. Safe for several threads.
    """

    def run(self, bundle_digest: str, *, dry: bool = False) -> AbstractContextManager[CatalogRun]:
        """Begin a reindex by this bundle; a dry one counts the same and writes nothing.

        What was merged stays where the run is left before `finish`.
        """
        ...

    def write(
        self,
        writes: Sequence[Write],
        bundle_digest: str,
        vectors: Mapping[str, NDArray[np.float32]],
    ) -> list[WriteResult]:
        """Make live writes durable, all in one transaction, with the vectors they need.

        Returns:
            One result a write, in order; a later write of the same product sees the earlier.
            A write whose key was done before is not done again: its result is that of then.
        """
        ...

    def recalled(self, key: RequestKey) -> Written | None:
        """Return what came of a request that was done; raises RequestKeyError."""
        ...

    def replay(self, after: int, bundle_digest: str) -> Replay:
        """Return what a snapshot built at sequence `after` lacks."""
        ...

    def view(self) -> AbstractContextManager[CatalogView]:
        """Hold one moment of the catalogue."""
        ...

    def embedded(self, image_ids: Collection[str], bundle_digest: str) -> set[str]:
        """Return those of the pictures that have a vector by this bundle."""
        ...

    def downloads(self, urls: Collection[str]) -> dict[str, KnownDownload]:
        """Return what was last found behind each URL, where anything was."""
        ...

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return those of the products that exist, by id."""
        ...

    def list_products(self, limit: int) -> list[StoredProduct]:
        """Return the first products by insertion."""
        ...

    def count_products(self) -> int:
        """How many products there are, with pictures or without."""
        ...

    def sequence(self) -> int:
        """Number of the last committed write."""
        ...

    def stamp(self) -> str:
        """Tell this moment of the catalogue from its others, and from those of another's.

        It changes with every write, at once for every process; asking is cheap.
        """
        ...

    def forget_changes(self, before: int) -> None:
        """Drop the log of changes up to a sequence number, which no snapshot needs any more."""
        ...


class ThumbnailStore(Protocol):
    """Small pictures for people to look at, by image id."""

    def put_many(self, thumbnails: Mapping[str, Thumbnail]) -> None:
        """Keep them durably; an existing one is left as it is."""
        ...

    def get(self, image_id: str) -> Thumbnail | None:
        """Return the small picture, or None."""
        ...

    def having(self, image_ids: Collection[str]) -> set[str]:
        """Return those of the pictures that have one."""
        ...
