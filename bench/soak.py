"""`python -m bench.soak`: mixed traffic for ten minutes; JSON on stdout, a table on stderr.

demo shop + Redis + service -> a closed loop of the load tests' visitors, every answer checked
    -> resident memory once a second -> a line through its second half -> growth

Caches are small, so that they are full within the first minutes: what fills up to its bound does
not leak. New products are folded into the index all the while.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from bench.memory import watching
from bench.open_loop import closed
from bench.report import Figure, machine, tell
from loadtests.pictures import write_shop
from loadtests.quiet import ask_quietly
from loadtests.redis_process import redis_process
from loadtests.stack import Served, index_catalog, service, shop_settings
from loadtests.visits import Visits
from loadtests.workload import Workload

_MOST_GROWTH = 0.02
_AT_ONCE = 6
_SMALL: dict[str, object] = {"recent_picture_bytes": 16_000_000, "compact_rows": 100}


def measure(
    seconds: float = 60, products: int = 400, settings: dict[str, object] | None = None
) -> dict[str, Any]:
    """Return what became of memory and answers; `settings` are the service's, by name."""
    with tempfile.TemporaryDirectory(prefix="vitrine-soak-") as name:
        folder = Path(name)
        (folder / "queries").mkdir()
        workload = write_shop(folder / "catalog.parquet", folder / "queries", products)
        index_catalog(folder / "catalog.parquet", folder / "data", folder / "reindex.log")
        with redis_process(folder) as server:
            chosen = {**shop_settings(server.url), **_SMALL, **(settings or {})}
            with service(folder / "data", folder / "service.log", chosen) as served:
                quiet = ask_quietly(workload, served.address)
                return uvloop.run(_soaked(quiet.workload, served, seconds)) | {"machine": machine()}


async def _soaked(workload: Workload, served: Served, seconds: float) -> dict[str, Any]:
    visits = Visits(workload, served.address, may_refuse=False)
    await visits.tour()
    async with watching(served.pid, every_seconds=min(1.0, seconds / 60)) as memory:
        done = await closed(visits.send, at_once=_AT_ONCE, seconds=seconds)
    visits.close()
    samples = np.array(memory)
    return {
        "seconds": seconds,
        "at_once": _AT_ONCE,
        "requests": len(done.requests),
        **done.told(),
        "names": dict(visits.names.most_common()),
        "errors": dict(visits.errors.most_common()),
        "memory_growth": round(growth(samples), 4),
        "memory_mb": {
            "first": samples[0, 1],
            "half": round(float(np.median(samples[len(samples) // 2 :][:20, 1])), 1),
            "last": round(float(np.median(samples[-20:, 1])), 1),
            "most": samples[:, 1].max(),
        },
        "memory_mb_over_time": samples[:: max(1, len(samples) // 60), 1].tolist(),
    }


def growth(samples: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return how much memory grew over the second half of a run, as a share of its start.

    By the line through the samples (seconds, megabytes) of that half, since single ones jump by
    what a large picture takes while it is decoded.
    """
    half = samples[len(samples) // 2 :]
    seconds, megabytes = half[:, 0] - half[0, 0], half[:, 1]
    slope, start = np.polyfit(seconds, megabytes, 1)
    return float(slope * seconds[-1] / start)


def figures(report: dict[str, Any]) -> list[Figure]:
    """Return the report as figures beside what was asked."""
    memory, grown = report["memory_mb"], report["memory_growth"]
    wrong = sum(report["errors"].values())
    return [
        Figure(
            f"resident memory over the second half of {report['seconds']:g} s",
            f"{100 * grown:+.2f} % ({memory['half']}, then {memory['last']} MB; "
            f"most {memory['most']})",
            f"<= +{100 * _MOST_GROWTH:g} %",
            grown <= _MOST_GROWTH,
        ),
        Figure("errors", f"{wrong:,} of {report['requests']:,} requests", "0", wrong == 0),
        Figure("p50 and p99, ms, all requests", f"{report['p50_ms']} and {report['p99_ms']}"),
    ]


def main() -> None:
    """Measure, and print JSON, and a table on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--products", type=int, default=400)
    given = parser.parse_args()
    report = measure(given.seconds, given.products)
    tell(report, figures(report))


if __name__ == "__main__":
    main()
