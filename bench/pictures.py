"""Catalogues to measure on: the real photos where they are, else the demo renderer's."""

import os
from pathlib import Path

import pyarrow.parquet as pq

from service.demo.catalog import write_catalog

PHOTOS = Path(os.environ.get("VITRINE_BENCH_PHOTOS", "../shared/data"))
_VIEWS = 1


def catalog(count: int, folder: Path) -> tuple[Path, str]:
    """Write a catalogue of `count` products, one picture each.

    Returns:
        The Parquet file, and where its pictures come from.
    """
    path = folder / f"catalog-{count}.parquet"
    photos = PHOTOS / "fashion-hires.parquet"
    if photos.is_file() and pq.ParquetFile(photos).metadata.num_rows >= count:
        reader = pq.ParquetFile(photos)
        with pq.ParquetWriter(path, reader.schema_arrow, compression="zstd") as writer:
            left = count
            for batch in reader.iter_batches(256):
                writer.write_batch(batch.slice(0, left))
                left -= min(left, len(batch))
                if not left:
                    break
        return path, "fashion-hires.parquet"
    write_catalog(path, count, views=_VIEWS)
    return path, "demo renderer"


def encoded(path: Path, count: int) -> list[bytes]:
    """Return the first `count` distinct pictures of a catalogue, encoded."""
    found: dict[bytes, None] = {}
    for batch in pq.ParquetFile(path).iter_batches(256, columns=["image"]):
        found |= dict.fromkeys(row["image"]["bytes"] for row in batch.to_pylist())
        if len(found) >= count:
            break
    return list(found)[:count]
