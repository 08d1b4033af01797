"""Labelled pictures to learn from: the real photos, and the demo renderer's.

A source says how large its share of every batch is, and yields encoded pictures with the labels it
knows; a task it does not label is simply absent.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from service.core.split import held_out
from service.demo.catalog import encode
from service.demo.products import products
from service.demo.render import render

_LABELS_VERSION = 2  # raised when a source labels its rows otherwise, so that caches follow
TASKS_FILE = Path(__file__).with_name("tasks.toml")


@dataclass(frozen=True, slots=True)
class Example:
    """One encoded picture, its labels by task, and whether it is kept for validation."""

    data: bytes
    labels: Mapping[str, str]
    held_out: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where examples come from.

    Attributes:
        name: Of the source, and of its cache.
        share: Relative part of each batch.
        fingerprint: Changes when the examples do.
        examples: Yields them all, in a fixed order.
    """

    name: str
    share: float
    fingerprint: str
    examples: Callable[[], Iterator[Example]] = field(repr=False)


def kind_aliases() -> dict[str, tuple[str, ...]]:
    """Return which article types each street label covers, from tasks.toml."""
    with TASKS_FILE.open("rb") as file:
        kinds: dict[str, list[str]] = tomllib.load(file)["kinds"]
    return {_street(label): tuple(types) for label, types in kinds.items()}


def real_sources(folder: Path) -> list[Source]:
    """Return a source for each known Parquet file of the folder that is there.

    Raises:
        FileNotFoundError: None of them is.
    """
    known = (
        ("fashion-hires", 0.36, _fashion),
        ("fashion-lowres", 0.30, _fashion),
        ("clothing", 0.12, _clothing),
        ("grocery", 0.12, _grocery),
    )
    found = []
    for name, share, label in known:
        path = folder / f"{name}.parquet"
        if path.is_file():
            fingerprint = f"{name}-{path.stat().st_size}-{_LABELS_VERSION}"
            found.append(Source(name, share, fingerprint, partial(_read, path, label)))
    if not found:
        names = ", ".join(f"{name}.parquet" for name, _, _ in known)
        raise FileNotFoundError(f"no training photos in {folder}: expected any of {names}")
    return found


def demo_source(count: int, views: int, *, share: float = 0.1, seed: int = 7) -> Source:
    """Return rendered products, `views` pictures each, labelled with their own id as product."""

    def examples() -> Iterator[Example]:
        for product in products(count, seed=seed):
            labels = {
                "article_type": f"demo {product.kind}",
                "colour": product.colour.title(),
                "product": product.id,
            }
            for view in range(views):
                yield Example(encode(render(product, view)), labels)

    return Source("demo", share, f"demo-{count}-{views}-{seed}", examples)


def _read(path: Path, label: Callable[[dict[str, Any]], Example]) -> Iterator[Example]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            yield label(row)


def _fashion(row: dict[str, Any]) -> Example:
    columns = {"article_type": "article_type", "colour": "base_colour", "gender": "gender"}
    labels = {task: row[column] for task, column in columns.items() if row[column]}
    return Example(row["image"]["bytes"], labels, held_out(row["id"]))


def _street(label: str) -> str:
    """Keep what people call their clothes apart from the shop's types of the same name."""
    return f"street {label}"


def _clothing(row: dict[str, Any]) -> Example:
    labels = {"article_type": _street(row["label"])}
    return Example(row["image"]["bytes"], labels, held_out(row["sender"]))


def _grocery(row: dict[str, Any]) -> Example:
    labels = {"article_type": row["coarse"], "product": row["product"]}
    return Example(row["image"]["bytes"], labels, row["split"] == "val")
