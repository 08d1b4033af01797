"""`python -m bench.options`: what each option of a search costs over a plain one.

100,000 products, a real server -> plain block, block with options, in turn -> differences, HTTP
                                -> the same by the pipeline in this process -> its stages
2,000 live writes laid over it  -> all of it once more

Pictures were sent before, so that what is measured is the search and not the encoder. A difference
is of the medians of two blocks, one after the other; what is told is the median of these. In this
process the processor's time is told too, which other work on the machine hardly moves.
"""

import argparse
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench.options_cases import CASES, PLAIN, Case
from bench.options_table import figures
from bench.query import post, server
from bench.report import machine, say, tell
from bench.synthetic import build, write_live
from service.adapters.sqlite_store import SqliteStore
from service.api.queries import parse_form
from service.demo.catalog import encode
from service.demo.products import product
from service.demo.render import render
from service.encoders import make_encoder
from service.pipeline.search import Search
from service.settings import Settings
from service.wiring import serving

_PICTURES, _BLOCK, _UNCOUNTED = 15, 18, 3
Call: TypeAlias = Callable[[Case, int], dict[str, float]]
"""Answers request n of a case; returns milliseconds by stage, `total` among them."""


def measure(rows: int = 100_000, writes: int = 2000, rounds: int = 12) -> dict[str, Any]:
    """Return the differences by case, over HTTP and in process, without live writes and with."""
    pictures = [encode(render(product(n), 0, size=128)) for n in range(_PICTURES)]
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), result_seconds=0)
        manifest = make_encoder(settings).manifest
        build(settings.data_dir, manifest, rows, 1, "hnsw")
        report: dict[str, Any] = {"rows": rows, "writes": writes, "machine": machine()}
        report["snapshot"] = _both(settings, pictures, rounds)
        with closing(SqliteStore(settings.data_dir / "catalog.db")) as store:
            write_live(store, manifest, rows, writes)
        report["with_writes"] = _both(settings, pictures, rounds)
    return report | {"load_at_end": machine()["load"]}


def _both(settings: Settings, pictures: list[bytes], rounds: int) -> dict[str, Any]:
    say("over HTTP ...")
    with server(settings) as address, socket.create_connection(address, timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        http = compared(_over(connection, pictures), rounds)
    say("in process ...")
    with serving(settings) as parts:
        delta = parts.live.snapshot().delta_rows
        pipeline = compared(_within(parts.search, pictures), rounds)
    return {"delta_rows": delta, "http": http, "pipeline": pipeline}


def _over(connection: socket.socket, pictures: list[bytes]) -> Call:
    def call(case: Case, number: int) -> dict[str, float]:
        data, fields = pictures[number % len(pictures)], case.fields(number)
        with _clock("total") as spent:
            post(connection, data, fields)
        return spent

    return call


def _within(search: Search, pictures: list[bytes]) -> Call:
    def call(case: Case, number: int) -> dict[str, float]:
        ask = parse_form(case.fields(number), pictures[number % len(pictures)]).ask
        processor = time.thread_time()
        with _clock("total") as spent:
            answer = search.answer(ask)
        spent["processor"] = (time.thread_time() - processor) * 1000
        return {**answer.timings, **spent}

    return call


@contextmanager
def _clock(name: str) -> Iterator[dict[str, float]]:
    spent: dict[str, float] = {}
    start = time.perf_counter()
    yield spent
    spent[name] = (time.perf_counter() - start) * 1000


def compared(call: Call, rounds: int) -> dict[str, Any]:
    """Return, by case, the median milliseconds over plain: in all, and by stage."""
    numbers = iter(range(1 << 30))
    for _ in range(_PICTURES):  # the encoder looks at each once
        call(PLAIN, next(numbers))
    plain: list[float] = []
    over: dict[str, list[Mapping[str, float]]] = {case.name: [] for case in CASES}
    for _ in range(rounds):
        for case in CASES:
            base, changed = (_block(call, each, numbers) for each in (PLAIN, case))
            plain.append(base["total"])
            stages = base.keys() | changed.keys()
            over[case.name].append({s: changed.get(s, 0.0) - base.get(s, 0.0) for s in stages})
    return {
        "plain_ms": round(statistics.median(plain), 2),
        "over_plain_ms": {name: _told(rounds) for name, rounds in over.items()},
    }


def _block(call: Call, case: Case, numbers: Iterator[int]) -> dict[str, float]:
    """Medians of one block by stage."""
    found = [call(case, next(numbers)) for _ in range(_BLOCK)][_UNCOUNTED:]
    return {stage: statistics.median(each.get(stage, 0.0) for each in found) for stage in found[0]}


def _told(rounds: list[Mapping[str, float]]) -> dict[str, Any]:
    totals = [each["total"] for each in rounds]
    stages = sorted({stage for each in rounds for stage in each} - {"total", "cached"})
    medians = {s: round(statistics.median(each[s] for each in rounds), 2) for s in stages}
    return {
        "median": round(statistics.median(totals), 2),
        "quartiles": [round(float(q), 2) for q in np.percentile(totals, (25, 75))],
        **({"stages": medians} if medians else {}),
    }


def main() -> None:
    """Measure, and print JSON, and a table on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--writes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    report = measure(given.rows, given.writes, given.rounds)
    tell(report, figures(report))


if __name__ == "__main__":
    main()
