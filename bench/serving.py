"""The whole service under load, over the best that its encoder does alone, and beside peers.

    a model -> indexed shop -> service and peers, each started once
    concurrency 1, 8, 32 -> rounds: raw session.run, service, peers, in turn -> rates, p50, p99

One side works at a time; the others wait, the client too while raw runs. Every picture is new to
the service: its bytes are. The client shares the cores with what it loads, and how much of them it
took is told; `ratio_net` sets the rate against what raw would do with the rest.
"""

import json
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.client import Client, Load, client
from bench.kept_shop import MODELS, Shop, shop
from bench.peers.running import PEERS, running
from bench.plan import Plan
from bench.query import connect, post, server
from bench.raw import Raw, SetUp, set_ups, told
from loadtests.workload import with_comment
from service.adapters.bundles import read_bundle
from service.core.preprocess import decode_for, preprocess

SERVICE = "service"
Addresses = Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _Amount:
    """Of measuring: rounds, seconds of one side in a round, and of one try of a set-up."""

    concurrency: Sequence[int]
    rounds: int
    seconds: float
    try_seconds: float
    warm_up: float
    batches: Sequence[int]


_FULL = _Amount((1, 8, 32), 5, 8.0, 2.0, 1.0, (1, 4, 8, 16, 32))
_SHORT = _Amount((1, 8), 1, 0.3, 0.1, 0.1, (1, 8))
_ASKED = 10
"""Pictures by which the sides are held to the same answers."""


def measure(plan: Plan) -> dict[str, Any]:
    """Return, by model, rates and latencies of every side at every concurrency."""
    amount = _SHORT if plan.short else _FULL
    return {name: _model(shop(plan, name), amount) for name in MODELS}


def _model(stand: Shop, amount: _Amount) -> dict[str, Any]:
    raw = _raw(stand)
    found = raw.best(set_ups(len(os.sched_getaffinity(0)), amount.batches), amount.try_seconds)
    left_out = [peer.missing for peer in PEERS if peer.missing]
    with ExitStack() as stack:
        load = stack.enter_context(client(stand.pictures))
        addresses, right = _sides(stand, stack)
        report = {
            str(connections): _rounds(raw, tuple(found), load, addresses, connections, amount)
            for connections in amount.concurrency
        }
    return {
        "pictures": stand.origin,
        "raw_set_ups": told(found),
        "left_out": left_out,
        "same_top1": right,
        "concurrency": report,
    }


def _raw(stand: Shop) -> Raw:
    bundle = stand.settings.bundle
    manifest = read_bundle(bundle)
    spec = manifest.preprocess
    pixels = [preprocess(spec, decode_for(spec, data)) for data in stand.pictures[:64]]
    return Raw(bundle / manifest.image.tiers[0].file, np.stack(pixels))


def _sides(stand: Shop, stack: ExitStack) -> tuple[Addresses, dict[str, str]]:
    """Start every side; return where each listens, and how often it finds what the service does."""
    settings, picture = stand.settings, stand.pictures[0]
    addresses = {SERVICE: stack.enter_context(server(settings))}
    wanted, answer_bytes = _first_products(addresses[SERVICE], stand.pictures)
    right = {}
    for peer in PEERS:
        if peer.missing:
            print(f"bench: {peer.missing}", file=sys.stderr, flush=True)
            continue
        started = running(peer, settings.data_dir, settings.bundle, answer_bytes, picture)
        addresses[peer.name] = stack.enter_context(started)
        found, _ = _first_products(addresses[peer.name], stand.pictures)
        same = sum(a == b for a, b in zip(wanted, found, strict=True))
        right[peer.name] = f"{same} of {len(wanted)}"
    return addresses, right


def _first_products(address: tuple[str, int], pictures: Sequence[bytes]) -> tuple[list[str], int]:
    """Return the nearest product of some pictures, and the median length of the answers."""
    with connect(address) as connection:
        answers = [
            post(connection, with_comment(data, "asked first")) for data in pictures[:_ASKED]
        ]
    nearest = [str(json.loads(answer)["results"][0]["product_id"]) for answer in answers]
    return nearest, int(statistics.median(map(len, answers)))


def _rounds(
    raw: Raw,
    ways: Sequence[SetUp],
    load: Client,
    addresses: Addresses,
    connections: int,
    amount: _Amount,
) -> dict[str, Any]:
    """Measure every side in turn, in another order each round."""
    _say(f"{connections} at once")
    bare: list[float] = []
    loads: dict[str, list[Load]] = {name: [] for name in addresses}
    sides = [None, *addresses]
    for number in range(amount.rounds):
        turn = number % len(sides)
        for side in sides[turn:] + sides[:turn]:
            if side is None:
                bare.append(max(raw.rate(way, amount.seconds / len(ways)) for way in ways))
            else:
                loaded = load.load(addresses[side], connections, amount.seconds, amount.warm_up)
                loads[side].append(loaded)
    return {
        "raw": [round(rate, 1) for rate in bare],
        **{name: _told(each, bare) for name, each in loads.items()},
    }


def _told(loads: Sequence[Load], bare: Sequence[float]) -> dict[str, Any]:
    ratios = [load.rate / rate for load, rate in zip(loads, bare, strict=True)]
    net = [r / (1 - load.client_share) for r, load in zip(ratios, loads, strict=True)]
    whole = [ms for load in loads for ms in load.milliseconds]
    return {
        "answers_per_second": [round(load.rate, 1) for load in loads],
        "ratio_rounds": [round(ratio, 3) for ratio in ratios],
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_net_median": round(statistics.median(net), 3),
        "p50_ms": [round(load.percentile(50), 2) for load in loads],
        "p99_ms": [round(load.percentile(99), 2) for load in loads],
        "p99_ms_all": round(float(np.percentile(whole, 99)), 2),
        "answers": len(whole),
        "client_share": round(statistics.median(load.client_share for load in loads), 4),
        "answer_bytes": loads[-1].answer_bytes,
    }


def _say(what: str) -> None:
    print(f"bench: serving, {what} ...", file=sys.stderr, flush=True)
