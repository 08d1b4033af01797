"""The whole service under load, over the best that its encoder does alone, and beside peers.

    a model -> indexed shop -> service and peers, each started once
    concurrency 1, 8, 32 -> rounds: raw session.run, service, peers, in turn -> rates, p50, p99

One side works at a time; the others are stopped, and the client waits while raw runs. Every picture
is new to the service: its bytes are. The client shares the cores with what it loads, and how much
of them it took is told; `ratio_net` sets the rate against what raw would do with the rest.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.client import Client, Load, client
from bench.kept_shop import Shop, models, shop
from bench.peers.running import PEERS, running
from bench.plan import Plan
from bench.processor import processor_seconds, standing_still
from bench.query import Side, connect, post, side
from bench.raw import Raw, SetUp, set_ups, told
from bench.report import say
from loadtests.workload import with_comment
from service.adapters.bundles import read_bundle
from service.core.cores import core_count
from service.core.preprocess import decode_for, preprocess
from service.core.tiers import best_tier

SERVICE = "service"


@dataclass(frozen=True, slots=True)
class _Phase:
    """Of one side: its load, of which raw has the rate alone; processor's milliseconds an answer.

    The processor's time is of the warm-up too, and is what other work on the machine hardly moves.
    """

    load: Load
    processor_ms: float


@dataclass(frozen=True, slots=True)
class _Amount:
    """Of measuring: rounds, seconds of one side in a round, and of one try of a set-up."""

    concurrency: Sequence[int]
    rounds: int
    seconds: float
    try_seconds: float
    warm_up: float
    batches: Sequence[int]


_FULL = _Amount((1, 8, 32), 3, 6.0, 1.0, 1.0, (1, 4, 8, 16, 32))
_SHORT = _Amount((1, 8), 1, 0.3, 0.1, 0.1, (1, 8))
_ASKED = 10
"""Pictures by which the sides are held to the same answers."""


def measure(plan: Plan) -> dict[str, Any]:
    """Return, by model, rates and latencies of every side at every concurrency."""
    amount = _SHORT if plan.short else _FULL
    return {name: _model(shop(plan, name), amount) for name in models(plan)}


def _model(stand: Shop, amount: _Amount) -> dict[str, Any]:
    raw = _raw(stand)
    found = raw.best(set_ups(core_count(), amount.batches), amount.try_seconds)
    with ExitStack() as stack:
        load = stack.enter_context(client(stand.pictures))
        sides, right = _sides(stand, stack)
        turns = _Turns(raw, tuple(found), load, sides, amount)
        report = {str(n): turns.rounds(n) for n in amount.concurrency}
    return {
        "pictures": stand.origin,
        "raw_set_ups": told(found),
        "left_out": [peer.missing for peer in PEERS if peer.missing],
        "same_top1": right,
        "concurrency": report,
    }


def _raw(stand: Shop) -> Raw:
    bundle = stand.settings.bundle
    manifest = read_bundle(bundle)
    spec = manifest.preprocess
    pixels = [preprocess(spec, decode_for(spec, data)) for data in stand.pictures[:64]]
    tier = best_tier(manifest, stand.settings.best_tier)
    return Raw(bundle / tier.file, np.stack(pixels))


def _sides(stand: Shop, stack: ExitStack) -> tuple[dict[str, Side], dict[str, str]]:
    """Start every side; return them, and how often each peer finds what the service does."""
    settings, picture = stand.settings, stand.pictures[0]
    sides = {SERVICE: stack.enter_context(side(settings))}
    wanted, answer_bytes = _first_products(sides[SERVICE], stand.pictures)
    right = {}
    for peer in PEERS:
        if peer.missing:
            say(peer.missing)
            continue
        started = running(peer, settings.data_dir, settings.bundle, answer_bytes, picture)
        sides[peer.name] = stack.enter_context(started)
        found, _ = _first_products(sides[peer.name], stand.pictures)
        same = sum(a == b for a, b in zip(wanted, found, strict=True))
        right[peer.name] = f"{same} of {len(wanted)}"
    return sides, right


def _first_products(side: Side, pictures: Sequence[bytes]) -> tuple[list[str], int]:
    """Return the nearest product of some pictures, and the median length of the answers."""
    with connect(side.address) as connection:
        answers = [
            post(connection, with_comment(data, "asked first")) for data in pictures[:_ASKED]
        ]
    nearest = [str(json.loads(answer)["results"][0]["product_id"]) for answer in answers]
    return nearest, int(statistics.median(map(len, answers)))


@dataclass(frozen=True, slots=True)
class _Turns:
    """Everything that takes turns, and how raw is run."""

    raw: Raw
    ways: Sequence[SetUp]
    client: Client
    sides: Mapping[str, Side]
    amount: _Amount

    def rounds(self, connections: int) -> dict[str, Any]:
        """Measure every side in turn, in another order each round."""
        say(f"serving, {connections} at once ...")
        found: dict[str, list[_Phase]] = {name: [] for name in ("raw", *self.sides)}
        names = list(found)
        for number in range(self.amount.rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                others = {each.session for other, each in self.sides.items() if other != name}
                with standing_still(others):
                    found[name].append(self._phase(name, connections))
        bare = found.pop("raw")
        return {
            "raw": {
                "images_per_second": [round(each.load.rate, 1) for each in bare],
                "processor_ms": _median(each.processor_ms for each in bare),
            },
            **{name: _told(phases, bare) for name, phases in found.items()},
        }

    def _phase(self, name: str, connections: int) -> _Phase:
        if name == "raw":
            return max(map(self._raw, self.ways), key=lambda phase: phase.load.rate)
        side, amount = self.sides[name], self.amount
        with _processor(lambda: processor_seconds(side.session)) as spent:
            load = self.client.load(side.address, connections, amount.seconds, amount.warm_up)
        return _Phase(load, spent[0] / load.rate)

    def _raw(self, way: SetUp) -> _Phase:
        with _processor(time.process_time) as spent:
            rate = self.raw.rate(way, self.amount.seconds / len(self.ways))
        return _Phase(Load(rate, (), 0.0, 0), spent[0] / rate)


@contextmanager
def _processor(read: Callable[[], float]) -> Iterator[list[float]]:
    """Lend a list that in the end has the processor's milliseconds of a second."""
    spent: list[float] = []
    start, before = time.perf_counter(), read()
    yield spent
    spent.append(1000 * (read() - before) / (time.perf_counter() - start))


def _told(phases: Sequence[_Phase], bare: Sequence[_Phase]) -> dict[str, Any]:
    loads = [phase.load for phase in phases]
    ratios = [load.rate / raw.load.rate for load, raw in zip(loads, bare, strict=True)]
    net = [r / (1 - load.client_share) for r, load in zip(ratios, loads, strict=True)]
    whole = [ms for load in loads for ms in load.milliseconds]
    return {
        "answers_per_second": [round(load.rate, 1) for load in loads],
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "ratio_median": _median(ratios),
        "ratio_net_median": _median(net),
        "p50_ms": [round(load.percentile(50), 2) for load in loads],
        "p99_ms": [round(load.percentile(99), 2) for load in loads],
        "p99_ms_all": round(float(np.percentile(whole, 99)), 2),
        "answers": len(whole),
        "processor_ms": _median(phase.processor_ms for phase in phases),
        "client_share": _median(load.client_share for load in loads),
        "answer_bytes": loads[-1].answer_bytes,
    }


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)
