"""The demo shop as a Parquet file: one row an image, written as it is drawn.

products -> render (threads) -> JPEG -> row groups -> temporary file -> os.replace
"""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from service.core.cores import core_count
from service.demo.products import DemoProduct, products
from service.demo.render import render

_ROW_GROUP = 256
_COLUMNS = (
    "id", "title", "category", "brand", "price", "currency",
    "availability", "url", "colour", "pattern", "audience",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, pa.float64() if name == "price" else pa.string()) for name in _COLUMNS),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    ]
)


def encode(image: Image.Image, *, quality: int = 88) -> bytes:
    """Return an image as JPEG bytes."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _row(shot: tuple[DemoProduct, int], size: int) -> dict[str, object]:
    item, view = shot
    image = {"bytes": encode(render(item, view, size=size)), "path": f"{item.id}-{view}.jpg"}
    return {**{name: getattr(item, name) for name in _COLUMNS}, "image": image}


def _shots(count: int, views: int, first_view: int, seed: int) -> Iterator[tuple[DemoProduct, int]]:
    for item in products(count, seed=seed):
        for view in range(first_view, first_view + views):
            yield item, view


def write_catalog(
    path: Path,
    count: int,
    *,
    views: int = 3,
    seed: int = 0,
    size: int = 256,
    first_view: int = 0,
) -> int:
    """Write `count` products with `views` pictures each; rows that share an id are one product.

    Memory stays flat: at most one row group of pictures is held. The file appears under its name
    only when it is complete.

    Args:
        path: the Parquet file; an existing one is replaced.
        count: products.
        views: pictures a product.
        seed: which shop.
        size: a picture's side, in pixels.
        first_view: number of the first view; 0 is the packshot.

    Returns:
        The number of rows written, count * views.
    """
    shots = _shots(count, views, first_view, seed)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    rows = 0
    try:
        with (
            pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer,
            ThreadPoolExecutor(core_count()) as pool,
        ):
            while group := list(islice(shots, _ROW_GROUP)):
                drawn = list(pool.map(lambda shot: _row(shot, size), group))
                writer.write_table(pa.Table.from_pylist(drawn, schema=SCHEMA))
                rows += len(drawn)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return rows
