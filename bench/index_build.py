"""`python -m bench.index_build DATA --rows N --kind KIND`: one build alone, as JSON.

rows made as they are read -> SnapshotFolder.build, as `vitrine reindex` calls it -> DATA/snapshots

In a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

import structlog

from bench.index_rows import RECEIPT, Rows, bundle
from bench.memory import peak_megabytes
from service.adapters.snapshots import SnapshotFolder
from service.core.index_choice import BuildOn, IndexChoice


def build(
    data_dir: Path,
    rows: int,
    choice: IndexChoice,
    like: Path | None = None,
    build_on: BuildOn = BuildOn.CPU,
) -> dict[str, Any]:
    """Build a snapshot and return what it took; it is read back, and not promoted."""
    store = Rows(rows, like)
    start, busy = time.perf_counter(), time.process_time()
    folder = SnapshotFolder(data_dir, build_on=build_on)
    built = folder.build(cast(Any, store), bundle(store.dim), RECEIPT, choice)
    return {
        "version": built.manifest.version,
        "built_on": built.manifest.built_on,
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(time.process_time() - busy, 1),
        "peak_megabytes": peak_megabytes(),
    }


def main() -> None:
    """Run and print."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--target-recall", type=float, default=0.95)
    parser.add_argument("--centralize", type=int, default=0)
    parser.add_argument("--like", type=Path)
    parser.add_argument("--build-on", type=BuildOn, default=BuildOn.CPU, choices=list(BuildOn))
    given = parser.parse_args()
    choice = IndexChoice(given.kind, given.target_recall, given.centralize)
    built = build(given.data_dir, given.rows, choice, given.like, given.build_on)
    json.dump(built, sys.stdout)


if __name__ == "__main__":
    main()
