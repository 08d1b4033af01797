"""Catalogues to measure on: the real photos where they are, else the demo renderer's."""

import os
from pathlib import Path

import pyarrow.parquet as pq

from service.demo.catalog import write_catalog

PHOTOS = Path(os.environ.get("VITRINE_BENCH_PHOTOS", "../shared/data"))
_VIEWS = 1


def catalog(count: int, folder: Path) -> tuple[Path, str]:
    """Write a catalogue of `count` products, one picture each; one that is there is taken.

    Returns:
        The Parquet file, and where its pictures come from.
    """
    photos = PHOTOS / "fashion-hires.parquet"
    real = photos.is_file() and pq.ParquetFile(photos).metadata.num_rows >= count
    path = folder / f"{'photos' if real else 'demo'}-{count}.parquet"
    if not path.exists():
        if real:
            _write_first(count, photos, path)
        else:
            write_catalog(path, count, views=_VIEWS)
    return path, photos.name if real else "demo renderer"


def _write_first(count: int, photos: Path, path: Path) -> None:
    reader, part = pq.ParquetFile(photos), path.with_suffix(".part")
    with pq.ParquetWriter(part, reader.schema_arrow, compression="zstd") as writer:
        left = count
        for batch in reader.iter_batches(256):
            writer.write_batch(batch.slice(0, left))
            left -= min(left, len(batch))
            if not left:
                break
    part.replace(path)


def encoded(path: Path, count: int) -> list[bytes]:
    """Return the first `count` distinct pictures of a catalogue, encoded."""
    found: dict[bytes, None] = {}
    for batch in pq.ParquetFile(path).iter_batches(256, columns=["image"]):
        found |= dict.fromkeys(row["image"]["bytes"] for row in batch.to_pylist())
        if len(found) >= count:
            break
    return list(found)[:count]
