"""Each request of the API, once: what is sent, and how its answer is read. Nothing is sent here."""

import sys
from array import array
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Unpack
from urllib.parse import quote

import httpx

from service.client import answers
from service.client.errors import VitrineAnswerError
from service.client.parsing import parsed
from service.client.products import Product, Products, Version
from service.client.queries import EventIn, Options, ProductIn, Query, as_json, as_texts, base64_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, and how to read what is answered with a status below 400.

    Attributes:
        method: Of HTTP.
        path: From `/` on, escaped.
        read: Makes the result of the answer; raises VitrineAnswerError.
        arguments: Of `httpx.Client.build_request`: json, params, data, files, content, headers.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def search(**query: Unpack[Query]) -> Call[answers.SearchAnswer]:
    """Find products; a picture in `file` is sent as it is."""
    arguments: dict[str, Any] = {"json": as_json(query)}
    if "file" in query:
        form = {name: value for name, value in query.items() if name != "file"}
        arguments = {"data": as_texts(form), "files": {"file": ("picture", query["file"])}}
    return Call("POST", "/v1/search", _reader(answers.SearchAnswer), arguments)


def search_batch(queries: Sequence[Query]) -> Call[answers.Batch]:
    """Ask up to 64 searches at once; each has an answer or an error, in order."""
    body = {"queries": [as_json(query) for query in queries]}
    return Call("POST", "/v1/search:batch", _reader(answers.Batch), {"json": body})


def similar(product_id: str, **options: Unpack[Options]) -> Call[answers.SearchAnswer]:
    """Find what looks like a product; it is no result itself."""
    path = f"{_address(product_id)}/similar"
    return Call("GET", path, _reader(answers.SearchAnswer), {"params": as_texts(options)})


def embeddings(model: str, inputs: Sequence[str | bytes]) -> Call[answers.Embeddings]:
    """Embed up to 64 texts and pictures; `model` is the bundle's name, as `index` tells it."""
    shown = [
        each if isinstance(each, str) else f"data:image/*;base64,{base64_of(each)}"
        for each in inputs
    ]
    body = {"model": model, "input": shown, "encoding_format": "base64"}
    return Call("POST", "/v1/embeddings", _embeddings, {"json": body})


def report_events(events: Sequence[EventIn]) -> Call[answers.Reported]:
    """Report what shoppers did with what was found, up to 500 events; each is kept once."""
    return Call("POST", "/v1/events", _reader(answers.Reported), {"json": list(events)})


def index() -> Call[answers.Index]:
    """Describe the index that is served."""
    return Call("GET", "/v1/index", _reader(answers.Index))


def index_versions() -> Call[tuple[answers.IndexVersion, ...]]:
    """List the versions of the index on disk, oldest first."""
    return Call(
        "GET",
        "/v1/index/versions",
        lambda response: parsed(answers.IndexVersions, _json(response)).versions,
    )


def promote_index(version: int) -> Call[answers.Index]:
    """Put a version in service if it passes the gate; returns what serves then."""
    arguments = {"json": {"version": version}}
    return Call("POST", "/v1/index:promote", _reader(answers.Index), arguments)


def roll_back_index() -> Call[answers.Index]:
    """Put the version in service that served before; returns what serves then."""
    return Call("POST", "/v1/index:rollback", _reader(answers.Index))


def image(image_id: str) -> Call[bytes]:
    """Return the bytes of a small picture to show."""
    return Call("GET", f"/v1/images/{quote(image_id, safe='')}", lambda response: response.content)


def list_products(limit: int = 20) -> Call[tuple[Product, ...]]:
    """Return some products of the catalogue."""
    return Call(
        "GET",
        "/v1/products",
        lambda response: parsed(Products, _json(response)).products,
        {"params": {"limit": limit}},
    )


def get_product(product_id: str) -> Call[Version]:
    """Return a product and its ETag."""
    return Call("GET", _address(product_id), _version)


def get_product_if_changed(product_id: str, etag: str) -> Call[Version | None]:
    """Return a product, or None where it still is what the ETag stands for."""

    def read(response: httpx.Response) -> Version | None:
        return None if response.status_code == httpx.codes.NOT_MODIFIED else _version(response)

    return Call("GET", _address(product_id), read, {"headers": {"If-None-Match": etag}})


def put_product(
    product_id: str,
    product: ProductIn,
    *,
    if_match: str | None = None,
    only_new: bool = False,
    idempotency_key: str | None = None,
) -> Call[Version]:
    """Make a product what is said, all of it.

    Args:
        product_id: Of one that exists, or not.
        product: What is left out is empty afterwards.
        if_match: Write only if the product has this ETag still, or `*`: if it exists.
        only_new: Write only if there is no such product.
        idempotency_key: A text of this write's own, with which it may be sent again.
    """
    headers = _conditions(if_match, idempotency_key)
    if only_new:
        headers["If-None-Match"] = "*"
    arguments = {"json": as_json(product), "headers": headers}
    return Call("PUT", _address(product_id), _version, arguments)


def patch_product(
    product_id: str,
    changes: ProductIn,
    *,
    if_match: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Version]:
    """Change some of a product; what is left out stays, None empties."""
    arguments = {"json": as_json(changes), "headers": _conditions(if_match, idempotency_key)}
    return Call("PATCH", _address(product_id), _version, arguments)


def delete_product(
    product_id: str, *, if_match: str | None = None, idempotency_key: str | None = None
) -> Call[None]:
    """Delete a product."""
    arguments = {"headers": _conditions(if_match, idempotency_key)}
    return Call("DELETE", _address(product_id), lambda response: None, arguments)


def _address(product_id: str) -> str:
    escaped = quote(product_id, safe="")
    if escaped in (".", ".."):  # which mean something else in an address
        escaped = escaped.replace(".", "%2E")
    return f"/v1/products/{escaped}"


def _conditions(if_match: str | None, idempotency_key: str | None) -> dict[str, str]:
    headers = {"If-Match": if_match, "Idempotency-Key": idempotency_key}
    return {name: value for name, value in headers.items() if value is not None}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as exc:
        raise VitrineAnswerError(f"the answer is not JSON: {exc}") from exc


def _reader(kind: type[T]) -> Callable[[httpx.Response], T]:
    return lambda response: parsed(kind, _json(response))


def _version(response: httpx.Response) -> Version:
    return Version(
        parsed(Product, _json(response)),
        etag=response.headers.get("etag", ""),
        created=response.status_code == httpx.codes.CREATED,
    )


@dataclass(frozen=True, slots=True)
class _Embedding:
    embedding: str


@dataclass(frozen=True, slots=True)
class _Usage:
    total_tokens: int


@dataclass(frozen=True, slots=True)
class _Embeddings:
    data: tuple[_Embedding, ...]
    model: str
    usage: _Usage


def _embeddings(response: httpx.Response) -> answers.Embeddings:
    said = parsed(_Embeddings, _json(response))
    vectors = tuple(_floats(each.embedding) for each in said.data)
    return answers.Embeddings(said.model, vectors, said.usage.total_tokens)


def _floats(text: str) -> tuple[float, ...]:
    """Read little-endian float32 in base64."""
    numbers = array("f", b64decode(text))
    if sys.byteorder == "big":
        numbers.byteswap()
    return tuple(numbers)
