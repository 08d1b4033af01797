"""Products as the service shows them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Image:
    """One picture of a product: `image_id` is the SHA-256 of its bytes, `url` has a small copy."""

    image_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue; `updated_at` is ISO 8601."""

    id: str
    title: str
    category: str
    brand: str
    price: float | None
    currency: str
    availability: str
    url: str
    attributes: dict[str, Any]
    images: tuple[Image, ...]
    updated_at: str


@dataclass(frozen=True, slots=True)
class Products:
    """Some products."""

    products: tuple[Product, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A product as it was at one moment.

    Attributes:
        product: It.
        etag: Changes with each write; `if_match` of the next one takes it.
        created: Whether the write that answered so made it.
    """

    product: Product
    etag: str
    created: bool = False
