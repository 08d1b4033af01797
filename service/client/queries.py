"""What a caller may ask and write, as keyword arguments and plain dicts that a type checker knows.

A test holds the names to those of the service.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class Source(TypedDict, total=False):
    """One thing to look like; `box` is the part of its picture that is meant, in shares, 0-1."""

    file: bytes
    image_base64: str
    image_id: str
    image_url: str
    product_id: str
    text: str
    vector: Sequence[float]
    box: Sequence[float]


class Part(Source, total=False):
    """One input of a mix; a negative weight pushes away."""

    weight: float


class Options(TypedDict, total=False):
    """Which products are wanted, how many, in what order, and what to tell of them."""

    limit: int
    offset: int
    filter: str | Mapping[str, Any]
    facets: Sequence[str]
    exclude_ids: Sequence[str]
    min_similarity: float
    diversity: float
    collapse: float
    group_by: Literal["product"]
    category: Literal["auto"]
    tier: Literal["auto", "fast", "best"]
    with_product: bool
    explain: bool


class Query(Source, Options, total=False):
    """A search: one input, a picture and a text, or a mix in `queries`; and options."""

    queries: Sequence[Part]


class ImageIn(TypedDict, total=False):
    """One picture of a product: its bytes, or where they are, or the id of one that is known."""

    file: bytes
    image_base64: str
    image_url: str
    image_id: str


class ProductIn(TypedDict, total=False):
    """A product as it is written; in a patch what is left out stays and None empties."""

    title: str | None
    category: str | None
    brand: str | None
    price: float | None
    currency: str | None
    availability: str | None
    url: str | None
    attributes: Mapping[str, Any] | None
    images: Sequence[ImageIn] | None


class BulkLine(ProductIn, total=False):
    """A line of a bulk; `id` is always needed, and without `op` it is a put."""

    op: Literal["put", "patch", "delete"]
    id: str


class EventIn(TypedDict, total=False):
    """What a shopper did with one product that an answer showed; `position` counts from 1.

    Its `id` is the caller's own, and makes it safe to send again. `position` and `image_id` may be
    left out.
    """

    id: str
    type: Literal["impression", "click", "add_to_cart", "purchase"]
    request_id: str
    product_id: str
    position: int | None
    image_id: str | None


def base64_of(data: bytes) -> str:
    """Return bytes as JSON can carry them."""
    return base64.b64encode(data).decode()


def as_json(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a query or a product as the service reads it: bytes as base64, numbers plain."""
    return {_name(name): _plain(name, value) for name, value in asked.items()}


def as_texts(asked: Mapping[str, Any]) -> dict[str, str]:
    """Return fields as a form, or the text after `?`, has them; None is left out."""
    plain = as_json(asked)
    return {name: _text(value) for name, value in plain.items() if value is not None}


def _name(name: str) -> str:
    return "image_base64" if name == "file" else name


def _plain(name: str, value: Any) -> Any:
    if name == "file":
        return base64_of(value)
    if name in ("vector", "box"):
        return [float(number) for number in value]  # NumPy's are no JSON
    if name in ("queries", "images") and value is not None:
        return [as_json(each) for each in value]
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
