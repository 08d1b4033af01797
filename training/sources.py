"""Labelled pictures to learn from: catalogue files, and the demo renderer's products.

    catalogue file -> rows as `vitrine reindex` reads them -> Example (bytes, labels, texts)

A source says how large its share of every batch is; a task it does not label is simply absent.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from service.adapters.catalog_sources import open_source
from service.adapters.http_images import HttpImageFetcher
from service.core.errors import FetchError
from service.core.image import ImageLimits
from service.core.split import held_out
from service.core.types import ImageRef, Product
from service.demo.catalog import encode
from service.demo.products import products
from service.demo.render import render
from training.terms import Document, document_of

PHOTOS_FILE = Path(__file__).with_name("photos.toml")
TASKS_FILE = Path(__file__).with_name("tasks.toml")
ABSENT = frozenset(("", "NA", "N/A", "None", "null"))
"""How catalogues write that they do not know."""
_VERSION = 4  # raised when a source describes its rows otherwise, so that caches follow


@dataclass(frozen=True, slots=True)
class Example:
    """One encoded picture, and what is known of it.

    Attributes:
        data: The picture as stored.
        labels: By task; a task without a label is absent.
        document: The product's texts by field, for weak labels and captions.
        held_out: Whether it is kept for validation.
        id: Of the product.
    """

    data: bytes
    labels: Mapping[str, str]
    document: Document = field(default_factory=dict)
    held_out: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where examples come from.

    Attributes:
        name: Of the source, and of its cache.
        share: Relative part of each batch.
        fingerprint: Changes when the examples do.
        examples: Yields them all, in a fixed order.
        stands_for: By task: a label to the labels of other sources that it may mean.
    """

    name: str
    share: float
    fingerprint: str
    examples: Callable[[], Iterator[Example]] = field(repr=False)
    stands_for: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a catalogue's rows become examples.

    Attributes:
        tasks: A task to the field or column with its labels, or to several that make one together.
        hold_out: The field whose hash decides what is validation, or a column's values that are.
        text: Fields to take texts from; None for every field that holds text.
        columns: Fields of a product to columns of the source, as `--map` of `vitrine reindex`.
    """

    tasks: Mapping[str, str | list[str]]
    hold_out: str | Mapping[str, list[str]] = "id"
    text: tuple[str, ...] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    stands_for: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


def photo_sources(folder: Path) -> list[Source]:
    """Return a source for each file of photos.toml that the folder has.

    Raises:
        FileNotFoundError: It has none of them.
    """
    with PHOTOS_FILE.open("rb") as file:
        known = tomllib.load(file)["source"]
    with TASKS_FILE.open("rb") as file:
        tables = tomllib.load(file)
    found = []
    for raw in known:
        path = folder / f"{raw['name']}.parquet"
        if path.is_file():
            stands_for = {
                task: {f"{raw['name']} {label}": tuple(types) for label, types in tables[t].items()}
                for task, t in raw.get("stands_for", {}).items()
            }
            text = tuple(raw["text"])
            reading = Reading(raw["tasks"], raw["hold_out"], text, {}, stands_for)
            found.append(catalogue_source(path, reading, share=raw["share"]))
    if not found:
        names = ", ".join(f"{raw['name']}.parquet" for raw in known)
        raise FileNotFoundError(f"no training photos in {folder}: expected any of {names}")
    return found


def catalogue_source(path: Path, reading: Reading, *, share: float = 1.0) -> Source:
    """Return the source of one catalogue file or folder, which `vitrine reindex` takes too."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    sizes = [(file.name, file.stat().st_size) for file in files if file.is_file()]
    described = hashlib.sha256(repr((reading, sizes)).encode()).hexdigest()[:12]
    fingerprint = f"{path.stem}-{described}-{_VERSION}"
    return Source(path.stem, share, fingerprint, partial(_read, path, reading), reading.stands_for)


def demo_source(count: int, views: int, *, share: float = 0.04, seed: int = 7) -> Source:
    """Return rendered products, `views` pictures each, labelled with their own id as product."""

    def examples() -> Iterator[Example]:
        for product in products(count, seed=seed):
            labels = {"colour": product.colour.title(), "product": product.id}
            document = {"title": product.title}
            for view in range(views):
                data = encode(render(product, view))
                yield Example(data, labels, document, id=product.id)

    return Source("demo", share, f"demo-{count}-{views}-{seed}-{_VERSION}", examples)


def _read(path: Path, reading: Reading) -> Iterator[Example]:
    limits, fields = ImageLimits(), frozenset(reading.text) if reading.text else None
    fetcher = HttpImageFetcher(max_bytes=limits.max_bytes)
    try:
        for row in open_source(path, columns=reading.columns).rows():
            if row.image is None:
                continue
            yield Example(
                picture_bytes(row.image, fetcher),
                _labels(row.product, path.stem, reading),
                document_of(row.product, fields),
                _held_out(row.product, reading.hold_out),
                row.product.id,
            )
    finally:
        fetcher.close()


def picture_bytes(image: ImageRef, fetcher: HttpImageFetcher) -> bytes:
    """Return the encoded picture, empty where it cannot be had: the decoder then leaves it out."""
    try:
        if image.data is not None:
            return image.data
        if image.path is not None:
            return image.path.read_bytes()
        return fetcher.fetch(str(image.url)).data or b""
    except (OSError, FetchError):
        return b""


def _labels(product: Product, source: str, reading: Reading) -> dict[str, str]:
    labels = {}
    for task, columns in reading.tasks.items():
        names = [columns] if isinstance(columns, str) else columns
        values = [str(field_of(product, name) or "") for name in names]
        if ABSENT.isdisjoint(values):
            value = ", ".join(values)
            # Another source's label of the same name may mean something narrower.
            labels[task] = f"{source} {value}" if task in reading.stands_for else value
    return labels


def _held_out(product: Product, rule: str | Mapping[str, list[str]]) -> bool:
    if isinstance(rule, str):
        return held_out(str(field_of(product, rule)))
    return any(str(field_of(product, name)) in values for name, values in rule.items())


def field_of(product: Product, name: str) -> Any:
    """Return an attribute of this name, else the field, else None."""
    return product.attributes[name] if name in product.attributes else getattr(product, name, None)
