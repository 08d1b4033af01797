"""usearch beside an index of ours: the same half floats, as many links, one thread.

    vectors.f16.npy -> HNSW of 32 links -> expansion doubled until recall@10 is reached -> queries/s

usearch is of the extra `bench`, and left out with a word where it is not installed.
"""

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report import say
from service.adapters.half_vectors import HalfVectors
from service.core.cores import core_count
from service.core.index_choice import HNSW_LINKS
from service.core.operating_points import recall
from service.core.types import Vectors

_BUILD_EXPANSION = 40  # as FAISS's efConstruction
_EXPANSIONS = (16, 32, 64, 128, 256, 512, 1024, 2048)
_BLOCK = 16_384


def installed() -> bool:
    """Whether there is anything to compare with."""
    return importlib.util.find_spec("usearch") is not None


@dataclass(slots=True)
class Beside:
    """A usearch index of the same rows; looks as hard as `expansion` says."""

    index: Any
    build: dict[str, float]

    def found(self, queries: Vectors, k: int) -> NDArray[np.int64]:
        """Return (n, k) row numbers."""
        keys = np.stack([self.index.search(query, k, threads=1).keys for query in queries])
        return keys.astype(np.int64)

    def asked(self, k: int) -> Callable[[Vectors], object]:
        """Return what answers one (1, dim) query."""
        return lambda query: self.index.search(query[0], k, threads=1)

    def points(self, vectors: HalfVectors, queries: Vectors, true: Vectors) -> list[dict[str, Any]]:
        """Measure every expansion, rising: recall@10 and queries/s."""
        measured = []
        for expansion in _EXPANSIONS:
            self.index.expansion_search = expansion
            begun = time.process_time()
            found = self.found(queries, true.shape[1])
            seconds = time.process_time() - begun
            measured.append(
                {
                    "expansion": expansion,
                    "recall": round(recall(vectors.similarities(queries, found), true), 4),
                    "queries_per_second": round(len(queries) / seconds, 1),
                }
            )
        return measured

    def settle(self, points: list[dict[str, Any]], target: float) -> dict[str, Any]:
        """Look no harder than the target needs; return that point, or the best there is."""
        enough = [point for point in points if point["recall"] >= target]
        chosen = enough[0] if enough else max(points, key=lambda point: float(point["recall"]))
        self.index.expansion_search = chosen["expansion"]
        return chosen


def build(vectors: HalfVectors, path: Path) -> Beside:
    """Build of every vector on every core, or read what was built before.

    The first block is added by one thread: into a graph that is still small, several add rows
    beside each other that no link leads to.
    """
    from usearch.index import Index  # noqa: PLC0415, of an extra

    index = Index(
        ndim=vectors.dim,
        metric="ip",
        dtype="f16",
        connectivity=HNSW_LINKS,
        expansion_add=_BUILD_EXPANSION,
    )
    told = path.with_suffix(".json")
    if path.exists():
        index.load(str(path))
        return Beside(index, json.loads(told.read_text()))
    say(f"{len(vectors):,} vectors, usearch ...")
    begun, busy, first = time.perf_counter(), time.process_time(), 0
    for block in vectors.blocks():
        rows = np.arange(first, first + len(block))
        index.add(rows, block, threads=core_count() if first else 1)
        first += len(block)
    took = {"seconds": time.perf_counter() - begun, "processor_seconds": time.process_time() - busy}
    index.save(str(path))
    told.write_text(json.dumps({name: round(value, 1) for name, value in took.items()}))
    return Beside(index, json.loads(told.read_text()))
