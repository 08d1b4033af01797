"""Versions swapped under load: failed requests, and p99 while swapping against p99 at rest.

    python -m bench.swap [--rows N] [--rate R] [--index hnsw]

A real server over N products answers searches by pictures it has seen before, so that what is
measured is the index and not the encoder. Phases alternate: nothing happens; `CURRENT` goes from
one version to the other and back every two seconds.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from bench.open_loop import WRONG, Offered, Send, offer
from bench.query import server
from bench.synthetic import build
from bench.wire import Client
from loadtests.asks import search_by
from service.adapters.snapshots import SnapshotFolder
from service.demo.catalog import encode
from service.demo.products import product
from service.demo.render import render
from service.encoders import make_encoder
from service.settings import Settings

_PICTURES, _SECONDS, _ROUNDS, _EVERY_SECONDS = 20, 15, 3, 2.0


def measure(rows: int, rate: float, kind: str) -> dict[str, Any]:
    """Return latencies at rest and while swapping, round by round, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), result_seconds=0)
        build(settings.data_dir, make_encoder(settings).manifest, rows, 2, kind)
        with server(settings) as (host, port):
            rest, swapping, swaps = asyncio.run(
                _rounds(f"http://{host}:{port}", settings.data_dir, rate)
            )
    ratios = [b.percentile(99) / a.percentile(99) for a, b in zip(rest, swapping, strict=True)]
    return {
        "rows": rows,
        "index": kind,
        "requests_per_second": rate,
        "requests": sum(len(phase.requests) for phase in rest + swapping),
        "swaps": swaps,
        "failed": sum(phase.failed for phase in rest + swapping),
        "p50_ms_at_rest": [phase.percentile(50) for phase in rest],
        "p50_ms_swapping": [phase.percentile(50) for phase in swapping],
        "p99_ms_at_rest": [phase.percentile(99) for phase in rest],
        "p99_ms_swapping": [phase.percentile(99) for phase in swapping],
        "p99_ratio_rounds": [round(ratio, 2) for ratio in ratios],
        "p99_ratio_median": round(statistics.median(ratios), 2),
    }


async def _rounds(
    address: str, data_dir: Path, rate: float
) -> tuple[list[Offered], list[Offered], int]:
    """Return what came of the phases at rest and while swapping, and how many swaps there were."""
    client, rest, swapping, swaps = Client(address), [], [], 0
    pictures = [encode(render(product(n), 0, size=128)) for n in range(_PICTURES)]
    search = _searching(client, pictures)
    for picture in range(_PICTURES):
        await search(picture)
    for seed in range(_ROUNDS):
        rest.append(await offer(search, rate=rate, seconds=_SECONDS, seed=seed))
        with _swapping(data_dir) as counted:
            swapping.append(await offer(search, rate=rate, seconds=_SECONDS, seed=seed))
        swaps += counted()
    client.close()
    return rest, swapping, swaps


def _searching(client: Client, pictures: list[bytes]) -> Send:
    requests = [search_by(data) for data in pictures]

    async def search(number: int) -> int:
        answer = await client.ask(requests[number % len(requests)])
        whole = answer.status != 200 or len(json.loads(answer.body)["results"]) == 10
        return answer.status if whole else WRONG

    return search


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
