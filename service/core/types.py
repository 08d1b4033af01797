"""Values that travel between the parts, and the Protocols at the seams.

    source -> CatalogRow -> store (Product + image ids) -> snapshot (vectors) -> Hit -> response

Values are frozen; adapters satisfy the Protocols and pass one contract suite (tests/contract).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from service.core.manifest import BundleManifest

Scalar = str | int | float | bool
AttributeValue = Scalar | tuple[Scalar, ...]
Pixels = NDArray[np.uint8]
"""(n, h, w, 3) or (h, w, 3) uint8, RGB, 0-255."""
Vectors = NDArray[np.float32]
"""(n, dim) float32, each row of unit length."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a shop sells, as its catalogue describes it; pictures are kept beside it."""

    id: str
    title: str = ""
    category: str = ""
    brand: str = ""
    price: float | None = None
    currency: str = ""
    availability: str = ""
    url: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def fields(self) -> dict[str, AttributeValue | None]:
        """Return every field and attribute by the flat name that filters use; "" is kept."""
        own = {name: getattr(self, name) for name in FIELDS}
        return {**self.attributes, **own}


FIELDS = ("id", "title", "category", "brand", "price", "currency", "availability", "url")
"""What every product has; an attribute of such a name is hidden by it."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where a picture's bytes are: exactly one of `data`, `path` and `url` is set."""

    data: bytes | None = None
    path: Path | None = None
    url: str | None = None

    def __str__(self) -> str:
        """Name the picture for a receipt."""
        return self.url or (str(self.path) if self.path else "embedded bytes")


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server says of a picture, to ask later whether it changed; "" where it does not."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """What came from behind a URL; `data` is None where nothing changed."""

    data: bytes | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One row of a source: a product and at most one of its pictures."""

    product: Product
    image: ImageRef | None


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product as the store holds it."""

    product: Product
    image_ids: tuple[str, ...]
    updated_at: str


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture for people to look at, ready to be served."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be indexed, and why."""

    product_id: str
    image: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hit:
    """One product found.

    Attributes:
        image_id: Its best picture.
        similarity: Cosine of that picture, -1..1.
        matched_images: Its pictures among the neighbours.
        row: Of that picture in the index.
        duplicates: Other products found that have nearly the same picture, if so asked.
    """

    product_id: str
    image_id: str
    similarity: float
    matched_images: int
    row: int
    duplicates: tuple[str, ...] = ()


class Encoder(Protocol):
    """Pictures to vectors; safe to call from several threads."""

    @property
    def manifest(self) -> BundleManifest:
        """The bundle this encoder runs."""
        ...

    @property
    def bundle_digest(self) -> str:
        """Digest of all that changes a vector."""
        ...

    @property
    def provider(self) -> str:
        """The execution provider in use, by its short name (cpu, cuda, openvino)."""
        ...

    def encode(self, images: Pixels) -> Vectors:
        """Embed (n, size, size, 3) uint8 into (n, dim) unit vectors."""
        ...


class TextEncoder(Protocol):
    """Texts to vectors in the space of an `Encoder`; safe to call from several threads."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts into (n, dim) unit vectors."""
        ...


class ProductStore(Protocol):
    """The durable truth: products, their pictures, and embeddings by (picture, bundle).

    Writes belong to one writer and become durable together at `commit`; reads never wait.
    A reindex is a run: what it saw carries its number, which tells the rest apart at the end.
    """

    def begin_run(self) -> int:
        """Return the number of a new run."""
        ...

    def put(self, product: Product, run: int) -> bool:
        """Insert or update a product; return False where this run had it before and won."""
        ...

    def add_image(self, product_id: str, image_id: str, run: int) -> None:
        """Append a picture to a product, after those this run added before."""
        ...

    def finish_run(
        self, run: int, *, incomplete: Collection[str] = (), delete_missing: bool
    ) -> int:
        """Drop replaced pictures and, with `delete_missing`, unseen products; return how many.

        The products in `incomplete`, of which a picture could not be read, keep what they had.
        """
        ...

    def put_embeddings(
        self, bundle_digest: str, vectors: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Keep a (dim,) vector for each image id; an existing one is left as it is."""
        ...

    def has_embedding(self, image_id: str, bundle_digest: str) -> bool:
        """Whether a committed vector of this picture by this bundle exists."""
        ...

    def commit(self) -> None:
        """Make all writes so far durable."""
        ...

    def rollback(self) -> None:
        """Take back the writes since the last commit."""
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

    def count_rows(self, bundle_digest: str) -> int:
        """How many (product, picture) pairs have a vector by this bundle."""
        ...

    def rows(self, bundle_digest: str, batch: int) -> Iterator["VectorRows"]:
        """Yield those pairs with their vectors, in insertion order."""
        ...

    def sequence(self) -> int:
        """Number of the last committed write."""
        ...


class ThumbnailStore(Protocol):
    """Small pictures for people to look at, by image id."""

    def put_many(self, thumbnails: Mapping[str, Thumbnail]) -> None:
        """Keep them durably; an existing one is left as it is."""
        ...

    def get(self, image_id: str) -> Thumbnail | None:
        """Return the small picture, or None."""
        ...

    def has(self, image_id: str) -> bool:
        """Whether there is one."""
        ...


@dataclass(frozen=True, slots=True)
class VectorRows:
    """Some rows of an index: n image ids, n product ids, (n, dim) vectors."""

    image_ids: list[str]
    product_ids: list[str]
    vectors: Vectors


@runtime_checkable
class Cache(Protocol):
    """Bytes by key, best effort: a failing cache answers None and never raises."""

    def get(self, key: str) -> bytes | None:
        """Return the value, or None where it is absent or the cache is down."""
        ...

    def set(self, key: str, value: bytes) -> None:
        """Keep the value for the cache's own time to live, if it can."""
        ...

    @property
    def degraded(self) -> bool:
        """Whether the cache is failing at present."""
        ...


class CatalogSource(Protocol):
    """Rows of a shop's catalogue, streamed."""

    @property
    def total(self) -> int | None:
        """Rows to come, where the format tells."""
        ...

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every row in order; raises CatalogSourceError."""
        ...


class ImageFetcher(Protocol):
    """Bytes of a picture behind a URL."""

    def fetch(self, url: str) -> bytes:
        """Download; raises FetchError."""
        ...
