"""One query at a time: the service over HTTP against the same work called directly.

Direct is decode + encode + search in this process, on every core. Every picture is new to the
service, so that its caches never answer. Blocks of requests and of direct calls alternate; the
first of each block do not count, since the other side's encoder threads are still spinning then.
Single calls in turn would mislead: the direct one then runs while the server's threads spin.
"""

import itertools
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.kept_shop import Shop, models, shop
from bench.plan import Plan
from bench.query import connect, post, server
from loadtests.workload import with_comment
from service.adapters.snapshots import SnapshotFolder
from service.core.preprocess import decode_for, preprocess
from service.core.snapshot import Snapshot
from service.core.types import Encoder
from service.encoders import make_encoder


@dataclass(frozen=True, slots=True)
class _Amount:
    """Of measuring: in a round, blocks of each side; in a block, calls, and those uncounted."""

    rounds: int
    blocks: int
    block: int
    uncounted: int


_FULL, _SHORT = _Amount(6, 10, 25, 5), _Amount(1, 2, 6, 2)


@dataclass(frozen=True, slots=True)
class _Round:
    """Seconds of the counted calls of both sides."""

    served: list[float]
    direct: list[float]


def measure(plan: Plan) -> dict[str, Any]:
    """Return, by model, times at concurrency 1 and their ratios."""
    amount = _SHORT if plan.short else _FULL
    return {name: _model(shop(plan, name), amount) for name in models(plan)}


def _model(stand: Shop, amount: _Amount) -> dict[str, Any]:
    snapshots = SnapshotFolder(stand.settings.data_dir)
    version = snapshots.current()
    assert version is not None  # the shop is indexed
    snapshot, encoder = snapshots.load(version), _encoder(stand)
    numbered = zip(itertools.cycle(stand.pictures), itertools.count(), strict=False)
    pictures = (with_comment(data, f"query {number}") for data, number in numbered)
    rounds = []
    for _ in range(amount.rounds):
        with server(stand.settings) as address, connect(address) as connection:
            rounds.append(_round(connection, encoder, snapshot, pictures, amount))
    return {"pictures": stand.origin, **_told(rounds)}


def _encoder(stand: Shop) -> Encoder:
    """Every core in one run, which is the fastest for one query, whatever the service runs with."""
    return make_encoder(stand.settings.model_copy(update={"threads": None}))


def _round(
    connection: socket.socket,
    encoder: Encoder,
    snapshot: Snapshot,
    pictures: Iterator[bytes],
    amount: _Amount,
) -> _Round:
    served: list[float] = []
    direct: list[float] = []
    for _ in range(amount.blocks):
        block = list(itertools.islice(pictures, amount.block))
        served += _timed(block, lambda data: post(connection, data))[amount.uncounted :]
        direct += _timed(block, lambda data: _search(encoder, snapshot, data))[amount.uncounted :]
    return _Round(served, direct)


def _timed(block: list[bytes], call: Callable[[bytes], object]) -> list[float]:
    seconds = []
    for data in block:
        start = time.perf_counter()
        call(data)
        seconds.append(time.perf_counter() - start)
    return seconds


def _search(encoder: Encoder, snapshot: Snapshot, data: bytes) -> None:
    spec = encoder.manifest.preprocess
    pixels = preprocess(spec, decode_for(spec, data))
    snapshot.index.search(encoder.encode(pixels[np.newaxis]), 10)


def _told(rounds: list[_Round]) -> dict[str, Any]:
    """The p99 of one round is that of two calls, so that of all rounds together is told besides."""
    whole = _Round(
        [s for each in rounds for s in each.served], [s for each in rounds for s in each.direct]
    )
    report: dict[str, Any] = {"calls": len(whole.served)}
    for share in (50, 99):
        ratios = [_ratio(each, share) for each in rounds]
        report[f"p{share}"] = {
            "service_ms": [_milliseconds(each.served, share) for each in rounds],
            "direct_ms": [_milliseconds(each.direct, share) for each in rounds],
            "ratio_rounds": [round(ratio, 3) for ratio in ratios],
            "ratio_median": round(statistics.median(ratios), 3),
            "ratio_all": round(_ratio(whole, share), 3),
        }
    return report


def _ratio(each: _Round, share: float) -> float:
    return float(np.percentile(each.served, share) / np.percentile(each.direct, share))


def _milliseconds(seconds: list[float], share: float) -> float:
    return round(1000 * float(np.percentile(seconds, share)), 2)
