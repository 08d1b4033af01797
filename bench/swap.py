"""Versions swapped under load: failed requests, and p99 while swapping against p99 at rest.

    python -m bench.swap [--rows N] [--rate R] [--index hnsw]

A real server over N products answers searches by pictures it has seen before, so that what is
measured is the index and not the encoder. Phases alternate: nothing happens; `CURRENT` goes from
one version to the other and back every two seconds.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from threading import Event, Thread
from typing import Any

import httpx

from bench.open_loop import THREADS, Latencies, run
from bench.query import server
from bench.synthetic import build
from service.adapters.snapshots import SnapshotFolder
from service.demo.catalog import encode
from service.demo.products import product
from service.demo.render import render
from service.settings import Settings
from service.wiring import make_encoder

_PICTURES, _SECONDS, _ROUNDS, _EVERY_SECONDS = 20, 15, 3, 2.0


def measure(rows: int, rate: float, kind: str) -> dict[str, Any]:
    """Return latencies at rest and while swapping, round by round, and their ratio."""
    pictures = [encode(render(product(n), 0, size=128)) for n in range(_PICTURES)]
    rest: list[Latencies] = []
    swapping: list[Latencies] = []
    swaps = 0
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name))
        build(settings.data_dir, make_encoder(settings).manifest, rows, 2, kind)
        with server(settings) as (host, port):
            searcher = _Searcher(f"http://{host}:{port}", pictures)
            for picture in range(_PICTURES):
                searcher.search(picture)
            for number in range(_ROUNDS):
                rest.append(run(searcher.search, rate=rate, seconds=_SECONDS, seed=number))
                with _swapping(settings.data_dir) as counted:
                    swapping.append(run(searcher.search, rate=rate, seconds=_SECONDS, seed=number))
                swaps += counted()
    ratios = [b.percentile(99) / a.percentile(99) for a, b in zip(rest, swapping, strict=True)]
    return {
        "rows": rows,
        "index": kind,
        "requests_per_second": rate,
        "requests": sum(len(phase.milliseconds) + phase.failed for phase in rest + swapping),
        "swaps": swaps,
        "failed": sum(phase.failed for phase in rest + swapping),
        "p50_ms_at_rest": [phase.percentile(50) for phase in rest],
        "p50_ms_swapping": [phase.percentile(50) for phase in swapping],
        "p99_ms_at_rest": [phase.percentile(99) for phase in rest],
        "p99_ms_swapping": [phase.percentile(99) for phase in swapping],
        "p99_ratio_rounds": [round(ratio, 2) for ratio in ratios],
        "p99_ratio_median": round(statistics.median(ratios), 2),
    }


class _Searcher:
    """Sends searches over connections that were made before."""

    def __init__(self, url: str, pictures: list[bytes]) -> None:
        self._pictures = pictures
        self._clients: LifoQueue[httpx.Client] = LifoQueue()
        for _ in range(THREADS):
            self._clients.put(httpx.Client(base_url=url, timeout=60, trust_env=False))

    def search(self, number: int) -> bool:
        """Search by a picture; True where ten products came back."""
        data = self._pictures[number % len(self._pictures)]
        client = self._clients.get()
        try:
            answer = client.post("/v1/search", files={"file": ("q.jpg", data)})
        except httpx.TransportError:
            return False
        finally:
            self._clients.put(client)
        return answer.status_code == 200 and len(answer.json()["results"]) == 10


@contextmanager
def _swapping(data_dir: Path) -> Iterator[Any]:
    """Promote the two versions in turn until the block ends; lends how often that was done."""
    stop, done = Event(), []
    snapshots = SnapshotFolder(data_dir)

    def loop() -> None:
        while not stop.wait(_EVERY_SECONDS):
            snapshots.promote(2 if snapshots.current() == 1 else 1)
            done.append(1)

    thread = Thread(target=loop)
    thread.start()
    try:
        yield lambda: len(done)
    finally:
        stop.set()
        thread.join()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--index", default="hnsw")
    given = parser.parse_args()
    json.dump(measure(given.rows, given.rate, given.index), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
