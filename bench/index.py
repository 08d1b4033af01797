"""Every kind of index: build, bytes, recall, queries/s, filters, start; JSON on stdout.

    python -m bench.index [--rows N ...] [--kinds hnsw ...] [--like DATA_DIR] [--plot FILE.png]

each size -> each kind -> built in a process of its own -> loaded in fresh ones -> searched here
                       -> tables on stderr, a plot

Vectors are seeded and clustered, or jittered copies of those that a data directory serves. Each
kind is built as `vitrine reindex` builds it, at its own search point. Recall is against exact
search, for queries drawn anew.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import faiss

from bench import usearch_beside
from bench.index_plot import plot
from bench.index_rates import curve, exact, filtered, rates, raw_faiss, recalled
from bench.index_rows import Rows
from bench.index_table import tables
from bench.part import told_by
from bench.report import machine, say
from bench.usearch_beside import Beside
from service.adapters.faiss_index import FaissIndex
from service.adapters.snapshots import SnapshotFolder
from service.core.types import Vectors

_KINDS = ("flat", "hnsw", "ivf", "ivf-rabitq", "binary")
_QUERIES, _STARTS = 300, 5
_TARGET = 0.95


def measure(rows: int, kinds: list[str], folder: Path, like: Path | None) -> dict[str, Any]:
    """Return what each kind is worth at one size.

    Args:
        rows: Vectors.
        kinds: As `vitrine reindex --index` takes them.
        folder: Where indexes are built; those that are there are measured as they are.
        like: Data directory whose vectors are jittered.
    """
    queries = Rows(0, like).drawn(_QUERIES, seed=10**9)
    report: dict[str, Any] = {}
    beside: Beside | None = None
    for kind in kinds:
        say(f"{rows:,} vectors, {kind} ...")
        data_dir = folder / f"{rows}-{kind}"
        built = _built(data_dir, rows, kind, like)
        path = data_dir / "snapshots" / f"v{built.pop('version'):06d}"
        if usearch_beside.installed() and "usearch" not in report:
            beside, report["usearch"] = _usearch(path, queries, folder / f"{rows}.usearch")
        report[kind] = {
            "build": built,
            **_started(data_dir, like),
            **_searched(path, queries, beside),
        }
    return report


def _built(data_dir: Path, rows: int, kind: str, like: Path | None) -> dict[str, Any]:
    told = data_dir / "build.json"
    if not told.exists():
        jitter = ["--like", str(like)] if like else []
        command = ["bench.index_build", str(data_dir), "--rows", str(rows), "--kind", kind]
        told.write_text(json.dumps(told_by(*command, *jitter)))
    built: dict[str, Any] = json.loads(told.read_text())
    return built


def _started(data_dir: Path, like: Path | None) -> dict[str, Any]:
    """Start fresh processes, of files in memory and of files on disk."""
    jitter = ["--like", str(like)] if like else []
    warm = [told_by("bench.index_start", str(data_dir), *jitter) for _ in range(_STARTS)]
    middle = sorted(warm, key=lambda run: run["first_search_seconds"])[_STARTS // 2]
    cold = told_by("bench.index_start", str(data_dir), "--cold", *jitter)
    return {"start": middle, "start_from_disk": cold}


def _searched(path: Path, queries: Vectors, beside: Beside | None) -> dict[str, Any]:
    snapshot = SnapshotFolder(path.parent.parent).load(int(path.name[1:]))
    manifest, index = snapshot.manifest, snapshot.index
    assert isinstance(index, FaissIndex)
    vectors, true = exact(path, queries)
    return {
        "factory": manifest.index_factory,
        "bytes_per_vector": manifest.bytes_per_vector,
        "search": manifest.chosen.search.model_dump(exclude_none=True),
        "recall_at_sweep": manifest.chosen.recall,
        "recall_promised": manifest.chosen.promised,
        "recall": recalled(index, vectors, queries, true),
        **rates(index, raw_faiss(path, manifest), beside, queries),
        "curve": curve(index, manifest.chosen.search, vectors, queries, true),
        "filtered": filtered(index, vectors, queries),
    }


def _usearch(path: Path, queries: Vectors, file: Path) -> tuple[Beside, dict[str, Any]]:
    vectors, true = exact(path, queries)
    beside = usearch_beside.build(vectors, file)
    points = beside.points(vectors, queries, true)
    return beside, {
        "build": beside.build,
        "bytes_per_vector": round(file.stat().st_size / len(vectors), 1),
        "chosen": beside.settle(points, _TARGET),
        "curve": points,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--kinds", nargs="+", default=list(_KINDS))
    parser.add_argument("--like", type=Path, help="data directory whose vectors are jittered")
    parser.add_argument("--keep", type=Path, help="folder of indexes to build into, and to reuse")
    parser.add_argument("--plot", type=Path, help="PNG of recall against queries/s, and of bytes")
    given = parser.parse_args()
    if not usearch_beside.installed():
        say("no usearch beside: pip install '.[bench]'")
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        rows = {str(n): measure(n, given.kinds, folder, given.like) for n in given.rows}
    report = {
        "machine": machine(),
        "faiss": faiss.__version__,
        "vectors": "jittered" if given.like else "clustered",
        "rows": rows,
    }
    json.dump(report, sys.stdout, indent=2)
    print()
    print(tables(report), file=sys.stderr)
    if given.plot:
        plot(report, given.plot)


if __name__ == "__main__":
    main()
