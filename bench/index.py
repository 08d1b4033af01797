"""Every kind of index: build, bytes, recall, and queries/s against raw FAISS; JSON on stdout.

    python -m bench.index [--rows N ...] [--kinds hnsw ...] [--like DATA_DIR]

Vectors are seeded and clustered, or jittered copies of those that a data directory serves. Each
kind is built as `vitrine reindex` builds it, at its own search point. "Raw" is the same file read
by FAISS and asked with the same parameters for as many candidates; both take one query at a time on
one thread, in alternating rounds. Recall is against exact search, for queries drawn anew.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import faiss
import numpy as np

from service.adapters.faiss_files import read_finder
from service.adapters.faiss_finders import FloatFinder
from service.adapters.half_vectors import map_halves
from service.adapters.index_kinds import BINARY
from service.adapters.snapshots import SnapshotFolder
from service.core.index_choice import IndexChoice
from service.core.manifest import BundleManifest, ImageTower, PreprocessSpec, Receipt, Tier
from service.core.operating_points import recall
from service.core.snapshot import Snapshot
from service.core.store import CatalogView, VectorRows
from service.core.types import Product, StoredProduct, Vectors

_KINDS = ("flat", "hnsw", "ivf", "ivf-rabitq", "binary")
_DIM, _BATCH, _QUERIES, _ROUNDS, _K = 256, 8192, 300, 5, 10
_SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
_CLUSTERS, _WAYS, _SPREAD, _NOISE = 1000, 32, 0.5, 0.1
"""Vectors vary in far fewer ways than they have dimensions, as those of pictures do."""
_RECEIPT = Receipt(
    products=0, seen=0, embedded=0, reused=0, failed=0, removed_products=0, seconds=0
)


class Rows:
    """As much of a `CatalogView` as a snapshot reads; vectors are made as they are asked for."""

    def __init__(self, count: int, like: Path | None) -> None:
        self._count = count
        rng = np.random.default_rng(0)
        self._directions = rng.normal(size=(_WAYS, _DIM)).astype(np.float32) / np.sqrt(_WAYS)
        if like is None:
            self._centres = (
                rng.normal(size=(_CLUSTERS, _WAYS)).astype(np.float32) @ self._directions
            )
        else:
            version = SnapshotFolder(like).current()
            path = like / "snapshots" / f"v{version:06d}" / "vectors.f16.npy"
            self._centres = np.load(path, mmap_mode="r").astype(np.float32) * np.sqrt(_DIM)

    def drawn(self, count: int, seed: int) -> Vectors:
        """Return (count, dim) unit vectors."""
        rng = np.random.default_rng(seed)
        vectors = self._centres[rng.integers(len(self._centres), size=count)]
        ways = rng.normal(size=(count, _WAYS)).astype(np.float32)
        vectors += _SPREAD * (ways @ self._directions)
        vectors += _NOISE * rng.normal(size=vectors.shape).astype(np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def count_rows(self, bundle_digest: str) -> int:
        """How many there are."""
        return self._count

    def rows(self, bundle_digest: str, batch: int) -> Iterator[VectorRows]:
        """Yield them."""
        for first in range(0, self._count, _BATCH):
            numbers = range(first, min(first + _BATCH, self._count))
            yield VectorRows(
                image_ids=[f"{n:064x}" for n in numbers],
                product_ids=[f"p{n}" for n in numbers],
                vectors=self.drawn(len(numbers), seed=first + 1),
            )

    def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
        """Return products that have nothing but their ids."""
        return {id_: StoredProduct(Product(id_), (), "", 1) for id_ in product_ids}

    def sequence(self) -> int:
        """Nothing was written."""
        return 0


def measure(rows: int, kinds: tuple[str, ...], like: Path | None) -> dict[str, Any]:
    """Return a row of the table for every kind."""
    store, report = Rows(rows, like), {}
    queries = store.drawn(_QUERIES, seed=10**9)
    for kind in kinds:
        print(f"bench: {rows:,} vectors, {kind} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as name:
            report[kind] = _measure(Path(name), kind, store, queries)
    return report


def _measure(folder: Path, kind: str, store: Rows, queries: Vectors) -> dict[str, Any]:
    snapshots = SnapshotFolder(folder)
    start = time.perf_counter()
    built = snapshots.build(cast(CatalogView, store), _bundle(), _RECEIPT, IndexChoice(kind))
    build_seconds = time.perf_counter() - start
    start = time.perf_counter()
    snapshot = snapshots.load(built.manifest.version)
    loaded = time.perf_counter() - start
    snapshot.index.search(queries[:1], _K)
    first = time.perf_counter() - start
    manifest = snapshot.manifest
    path = folder / "snapshots/v000001"
    return {
        "factory": manifest.index_factory,
        "build_seconds": round(build_seconds, 1),
        "bytes_per_vector": manifest.bytes_per_vector,
        "search": manifest.chosen.search.model_dump(exclude_none=True),
        "recall_at_sweep": manifest.chosen.recall,
        "recall_fresh_queries": _recall(snapshot, path, queries),
        "load_seconds": round(loaded, 3),
        "first_search_seconds": round(first, 3),
        **_rates(snapshot, path, queries),
        "filtered": _filtered(snapshot, path, queries[:100]),
    }


def _recall(snapshot: Snapshot, path: Path, queries: Vectors) -> float:
    vectors = map_halves(path / "vectors.f16.npy")
    true, _ = vectors.search(queries, _K)
    _, found = snapshot.index.search(queries, _K)
    return round(recall(vectors.similarities(queries, found), true), 4)


def _filtered(snapshot: Snapshot, path: Path, queries: Vectors) -> dict[str, Any]:
    """Return recall and time of searches among a share of the rows, drawn at random."""
    vectors, rows, report = map_halves(path / "vectors.f16.npy"), len(snapshot.index), {}
    for share in _SHARES:
        marked = np.random.default_rng(2).random(rows) < share
        kept = int(marked.sum())
        if kept < _K:
            continue
        true, _ = vectors.search(queries, _K, marked)
        start = time.perf_counter()
        found = [snapshot.index.search(query[np.newaxis], _K, marked)[1][0] for query in queries]
        seconds = time.perf_counter() - start
        report[f"{share:.2%}"] = {
            "way": snapshot.index.way(_K, kept),
            "recall": round(recall(vectors.similarities(queries, np.stack(found)), true), 4),
            "milliseconds": round(1000 * seconds / len(queries), 3),
        }
    return report


def _rates(snapshot: Snapshot, path: Path, queries: Vectors) -> dict[str, Any]:
    """Return single-thread queries/s through `VectorIndex.search`, raw, and their ratio."""
    ours, raw = [], []
    ask = _raw(snapshot, path)
    for _ in range(_ROUNDS):
        ours.append(_rate(lambda query: snapshot.index.search(query, _K), queries))
        if ask is not None:
            raw.append(_rate(ask, queries))
    rates: dict[str, Any] = {"queries_per_second": round(statistics.median(ours), 1)}
    if raw:
        ratios = [a / b for a, b in zip(ours, raw, strict=True)]
        rates["raw_queries_per_second"] = round(statistics.median(raw), 1)
        rates["ratio_rounds"] = [round(ratio, 3) for ratio in ratios]
        rates["ratio_median"] = round(statistics.median(ratios), 3)
    return rates


def _raw(snapshot: Snapshot, path: Path) -> Callable[[Vectors], object] | None:
    """Return FAISS alone at the same point; None for the kind that is not one of its own."""
    manifest = snapshot.manifest
    if manifest.index_factory == BINARY:
        return None
    finder = read_finder(path / "index.faiss", manifest.index_factory, manifest.dim)
    assert isinstance(finder, FloatFinder)
    point = manifest.chosen.search
    parameters = finder.parameters(point, None)
    index, depth = faiss.read_index(str(path / "index.faiss")), _K * point.depth
    return lambda query: index.search(query, depth, params=parameters)


def _rate(ask: Callable[[Vectors], object], queries: Vectors) -> float:
    faiss.omp_set_num_threads(1)
    for query in queries[:20]:
        ask(query[np.newaxis])
    start = time.perf_counter()
    for query in queries:
        ask(query[np.newaxis])
    return len(queries) / (time.perf_counter() - start)


def _bundle() -> BundleManifest:
    return BundleManifest(
        name="bench",
        version="1",
        licence="CC0-1.0",
        dim=_DIM,
        image=ImageTower(tiers=(Tier(file="image.onnx", patch=16, tokens=196, gflops=1.0),)),
        preprocess=PreprocessSpec(size=224),
        files={"image.onnx": "0" * 64},
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--kinds", nargs="+", default=list(_KINDS))
    parser.add_argument("--like", type=Path, help="data directory whose vectors are jittered")
    given = parser.parse_args()
    report = {str(rows): measure(rows, tuple(given.kinds), given.like) for rows in given.rows}
    json.dump({"faiss": faiss.__version__, "dim": _DIM, "rows": report}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
