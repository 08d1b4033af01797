"""`python -m bench.index_start DATA`: a fresh process that loads an index and searches, as JSON.

load -> first search -> seconds                          of files that the machine has in memory
                     -> dropped from it -> one query after another -> milliseconds, cold
                     -> the same queries again                     -> milliseconds, warm

With `--cold` the files are dropped before the load too, as after the machine was started.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.index_rows import Rows
from bench.memory import drop_from_cache, own_megabytes
from service.adapters.snapshots import SnapshotFolder
from service.core.snapshot import Snapshot
from service.core.types import Vectors

K = 10
_QUERIES = 100


def start(data_dir: Path, queries: Vectors, *, cold: bool) -> dict[str, Any]:
    """Load the newest version and search it.

    Args:
        data_dir: Where it is.
        queries: At least a hundred.
        cold: Whether its files must be read from the disk first.
    """
    snapshots = SnapshotFolder(data_dir)
    version = snapshots.manifests()[-1].version
    files = sorted((data_dir / "snapshots" / f"v{version:06d}").iterdir())
    if cold:
        drop_from_cache(files)
    begun, busy = time.perf_counter(), time.process_time()
    snapshot = snapshots.load(version)
    loaded = time.perf_counter()
    snapshot.index.search(queries[:1], K)
    done = time.perf_counter()
    report = {
        "load_seconds": round(loaded - begun, 3),
        "first_search_seconds": round(done - begun, 3),
        "processor_seconds": round(time.process_time() - busy, 3),
        "own_megabytes": own_megabytes(),
    }
    drop_from_cache(files)
    asked = queries[1 : _QUERIES + 1]
    first = _milliseconds(snapshot, asked)
    again = [statistics.median(_milliseconds(snapshot, asked)) for _ in range(3)]
    return {
        **report,
        "cold_milliseconds": {
            "first": round(first[0], 3),
            "median": round(statistics.median(first), 3),
            "worst": round(max(first), 3),
        },
        "warm_milliseconds": round(statistics.median(again), 3),
    }


def _milliseconds(snapshot: Snapshot, queries: Vectors) -> list[float]:
    took = []
    for query in queries:
        begun = time.perf_counter()
        snapshot.index.search(query[None], K)
        took.append(1000 * (time.perf_counter() - begun))
    return took


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--like", type=Path)
    parser.add_argument("--cold", action="store_true")
    given = parser.parse_args()
    queries = Rows(0, given.like).drawn(_QUERIES + 1, seed=10**9 + 1)
    json.dump(start(given.data_dir, queries, cold=given.cold), sys.stdout)


if __name__ == "__main__":
    main()
