"""`python -m bench.reindex_unchanged`: the second reindex of a catalogue that did not change.

catalogue of n small pictures -> first reindex, a process  -> pictures/s, peak before the build
                              -> second reindex, a process -> products/s, pictures embedded, peak

The encoder is one small matrix product: what counts here goes on around it. A second run reads the
catalogue, compares, verifies the version that serves, and writes its receipt; the catalogue was
written a moment ago, so that it is in memory. How much an index takes to build is of its kind and
size (docs/scale.md), and no figure of these.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from bench.child import peak_megabytes
from service.adapters.catalog_sources import open_source
from service.adapters.http_images import HttpImageFetcher
from service.adapters.run_records import RunFolder
from service.adapters.snapshots import SnapshotFolder
from service.adapters.sqlite_store import SqliteStore
from service.adapters.sqlite_thumbnails import SqliteThumbnails
from service.core.index_choice import IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Tier
from service.core.snapshot import Snapshot
from service.core.types import Pixels, Vectors
from service.demo.catalog import encode
from service.pipeline.reindex import Reindex, ReindexOptions

_SIZES = (10_000, 100_000)
_SIDE, _STEP, _DIM, _GROUP = 32, 4, 256, 1000
_KINDS = ("Shirts", "Jeans", "Watches", "Casual Shoes", "Handbags")
_INDEX = IndexChoice("flat")  # the others differ in what they build, not in what is asked of them


class Projection:
    """Satisfies `Encoder` with a random matrix."""

    provider = "cpu"

    def __init__(self) -> None:
        self.manifest = BundleManifest(
            name="projection",
            version="1",
            licence="Apache-2.0",
            dim=_DIM,
            image=ImageTower(tiers=(Tier(file="none"),)),
            preprocess=PreprocessSpec(size=_SIDE),
            files={"none": "0" * 64},
        )
        self.bundle_digest = bundle_digest(self.manifest)
        pixels = (_SIDE // _STEP) ** 2 * 3
        self._matrix = np.random.default_rng(0).normal(size=(pixels, _DIM)).astype(np.float32)

    def encode(self, images: Pixels) -> Vectors:
        """Embed (n, side, side, 3) uint8 into (n, dim) unit vectors."""
        some = images[:, ::_STEP, ::_STEP].reshape(len(images), -1)
        vectors = (some.astype(np.float32) / 255 - 0.5) @ self._matrix
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


class Watched(SnapshotFolder):
    """Versions of the index, and how much memory was in use before one was built."""

    peak_megabytes = 0.0

    def build(self, *what: Any) -> Snapshot:
        """Build as ever."""
        self.peak_megabytes = peak_megabytes()
        return super().build(*what)


def measure(sizes: tuple[int, ...] = _SIZES, source: Path | None = None) -> dict[str, Any]:
    """Return the figures of both runs at each size, and by how much their memory grew.

    Args:
        sizes: Products of the catalogues to make.
        source: A catalogue to measure instead.
    """
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        for size in sizes if source is None else (pq.ParquetFile(source).metadata.num_rows,):
            folder = Path(name) / str(size)
            folder.mkdir()
            catalog = source or _catalog(folder / "catalog.parquet", size)
            first, second = (_child(catalog, folder / "data") for _ in range(2))
            figures[str(size)] = {"first": first, "second": second}
    growth = {
        run: round(peaks[-1] / peaks[0], 3)
        for run in ("first", "second")
        if (peaks := [each[run]["peak_megabytes"] for each in figures.values()])
    }
    return {"sizes": figures, "memory_growth": growth}


def _child(catalog: Path, data_dir: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.reindex_unchanged", "--run", catalog, data_dir]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _run(catalog: Path, data_dir: Path) -> dict[str, Any]:
    with (
        closing(SqliteStore(data_dir / "catalog.db")) as store,
        closing(SqliteThumbnails(data_dir / "thumbnails.db")) as thumbnails,
        HttpImageFetcher(max_bytes=1 << 20) as fetcher,
    ):
        snapshots, records = Watched(data_dir), RunFolder(data_dir)
        flow = Reindex(Projection(), store, thumbnails, snapshots, fetcher, records)
        start, processor = time.perf_counter(), time.process_time()
        report = flow.run(open_source(catalog, columns={}), ReindexOptions(index=_INDEX))
        seconds = time.perf_counter() - start
        processor = time.process_time() - processor
    return {
        "end": str(report.end),
        "products_per_second": round(report.receipt.products / seconds),
        "embedded": report.receipt.embedded,
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor, 2),
        "peak_megabytes": snapshots.peak_megabytes or peak_megabytes(),
    }


def _catalog(path: Path, count: int) -> Path:
    """Write products with a picture of noise each, seeded."""
    rng = np.random.default_rng(0)
    writer = None
    for first in range(0, count, _GROUP):
        noise = rng.integers(0, 256, (min(_GROUP, count - first), _SIDE, _SIDE, 3), np.uint8)
        table = pa.Table.from_pylist(
            [_row(first + i, encode(Image.fromarray(pixels))) for i, pixels in enumerate(noise)]
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None  # there is at least one product
    writer.close()
    return path


def _row(number: int, picture: bytes) -> dict[str, object]:
    return {
        "id": f"sku-{number:07d}",
        "title": f"{_KINDS[number % 5]} of season {number % 11}, model {number}",
        "category": _KINDS[number % 5],
        "brand": f"brand {number % 37}",
        "price": 5.0 + number % 200,
        "currency": "EUR",
        "availability": "in stock",
        "url": f"https://shop.example/products/{number}",
        "colour": ("red", "green", "blue", "black")[number % 4],
        "sizes": ["S", "M", "L"][: 1 + number % 3],
        "year": 2000 + number % 24,
        "image": {"bytes": picture, "path": f"{number}.jpg"},
    }


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, metavar="N")
    parser.add_argument("--source", type=Path, help="A Parquet catalogue, in place of made ones.")
    parser.add_argument("--run", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    found = _run(*given.run) if given.run else measure(tuple(given.sizes), given.source)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
