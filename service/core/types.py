"""Values that travel between the parts, and the Protocols at the seams.

    source -> CatalogRow -> store (Product + image ids) -> snapshot (vectors) -> Hit -> response

Values are frozen; adapters satisfy the Protocols and pass one contract suite (tests/contract).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.core.manifest import BundleManifest, Tier

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
    """One row of a source: a product and at most one of its pictures.

    Attributes:
        updated_at: When the source says it last changed, with a time zone.
    """

    product: Product
    image: ImageRef | None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product as the store holds it.

    Attributes:
        updated_at: When it last changed, ISO 8601.
        revision: Sequence number of that change.
    """

    product: Product
    image_ids: tuple[str, ...]
    updated_at: str
    revision: int


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
class Seen:
    """What the encoder makes of one picture.

    Attributes:
        vector: (dim,) of unit length.
        heads: By the name of each head (labels,) probabilities that add up to 1; none of what was
            never looked at, such as words.
    """

    vector: NDArray[np.float32]
    heads: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


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
    def tier(self) -> Tier:
        """Which of the bundle's tiers it runs."""
        ...

    @property
    def provider(self) -> str:
        """The execution provider in use, by its short name (cpu, cuda, tensorrt, openvino)."""
        ...

    def encode(self, images: Pixels) -> Vectors:
        """Embed (n, size, size, 3) uint8 into (n, dim) unit vectors."""
        ...

    def classify(self, images: Pixels) -> tuple[Vectors, dict[str, NDArray[np.float32]]]:
        """Embed and name in one run: `encode`, and by head (n, labels) probabilities."""
        ...


class TextEncoder(Protocol):
    """Texts to vectors in the space of an `Encoder`; safe to call from several threads."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed n texts into (n, dim) unit vectors."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return how many tokens these texts are to the encoder, after it has cut them."""
        ...


class StoredVectors(Protocol):
    """The vectors of the catalogue's pictures; safe for several threads."""

    def vectors(
        self, image_ids: Collection[str], bundle_digest: str
    ) -> dict[str, NDArray[np.float32]]:
        """Return a (dim,) vector for those of the pictures that have one by this bundle."""
        ...


class CatalogSource(Protocol):
    """Rows of a shop's catalogue, streamed."""

    @property
    def total(self) -> int | None:
        """Rows to come, where the format tells."""
        ...

    @property
    def dated(self) -> bool:
        """Whether its rows may say when they last changed."""
        ...

    def rows(self) -> Iterator[CatalogRow]:
        """Yield every row in order; raises CatalogSourceError."""
        ...


class ImageFetcher(Protocol):
    """Bytes of a picture behind a URL; safe to call from several threads."""

    def fetch(self, url: str, known: Validators | None = None) -> Download:
        """Download, unless nothing changed since `known`, the server says; raises FetchError."""
        ...
