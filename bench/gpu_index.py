"""Indexes that a GPU built beside those that the CPU built of the same vectors.

one kind  -> built by either, in a process of its own -> recall@10 on fresh queries
                                                      -> queries/s in turn, on one thread of the CPU

Either file is searched at its own point, which its build measured.
"""

from pathlib import Path
from typing import Any

import numpy as np

from bench.index_rates import exact, rates, recalled
from bench.index_rows import Rows
from bench.part import told_by
from bench.report import say
from service.adapters.faiss_index import FaissIndex
from service.adapters.snapshots import SnapshotFolder
from service.core.index_choice import BuildOn
from service.core.types import Vectors

KINDS = ("hnsw", "ivf", "ivf-rabitq")
_QUERIES, _K = 300, 10


def measure(rows: int, kind: str, folder: Path, build_on: BuildOn = BuildOn.GPU) -> dict[str, Any]:
    """Return what both builds of a kind took and are worth.

    Args:
        rows: Vectors.
        kind: As `vitrine reindex --index` takes it.
        folder: Where they are built.
        build_on: What is set against the CPU.

    Raises:
        SystemExit: A build failed; it has said why.
    """
    queries = Rows(0).drawn(_QUERIES, seed=10**9)
    report: dict[str, Any] = {}
    indexes: dict[str, FaissIndex] = {}
    for side, place in (("cpu", BuildOn.CPU), ("gpu", build_on)):
        say(f"{rows:,} vectors, {kind}, on the {place} ...")
        built = _built(folder / side, rows, kind, place)
        path = folder / side / "snapshots" / f"v{built.pop('version'):06d}"
        snapshot = SnapshotFolder(folder / side).load(int(path.name[1:]))
        index = snapshot.index
        assert isinstance(index, FaissIndex)
        vectors, true = exact(path, queries)
        indexes[side] = index
        report[side] = {
            **built,
            "bytes_per_vector": snapshot.manifest.bytes_per_vector,
            "search": snapshot.manifest.chosen.search.model_dump(exclude_none=True),
            "recall": recalled(index, vectors, queries, true),
        }
    cpu, gpu = indexes["cpu"], indexes["gpu"]
    asked = {"cpu_built": lambda query: cpu.search(query, _K)}
    seconds = {side: report[side]["seconds"] for side in indexes}
    return {
        **report,
        "build_seconds_cpu_over_gpu": round(seconds["cpu"] / max(seconds["gpu"], 0.1), 2),
        "same_results": _same(cpu, gpu, queries),
        **rates(gpu, asked, None, queries),
    }


def _built(data_dir: Path, rows: int, kind: str, place: BuildOn) -> dict[str, Any]:
    of = (str(data_dir), "--rows", str(rows), "--kind", kind, "--build-on", place)
    return told_by("bench.index_build", *of)


def _same(one: FaissIndex, other: FaissIndex, queries: Vectors) -> float:
    """Return the share of results that both find, 0-1."""
    found = [index.search(queries, _K)[1] for index in (one, other)]
    shared = [len(np.intersect1d(mine, theirs)) for mine, theirs in zip(*found, strict=True)]
    return round(float(np.mean(shared)) / _K, 4)
