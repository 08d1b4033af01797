"""`python -m bench.redis_outage`: Redis killed and restarted under load; JSON on stdout.

service + Redis -> searches in an open loop -> at rest | Redis killed | started again | hung

Each phase begins a second before what is done to Redis. A hung one takes connections and answers
nothing, which is what an outage of a network looks like. Half of the pictures were sent before, and
only Redis has most of these; the others are new.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from bench.open_loop import Offered, Send, closed, offer
from bench.report import Figure, machine, say, tell
from bench.shop import shop_server
from bench.wire import Client
from loadtests.asks import search_by
from loadtests.redis_process import RedisProcess, redis_process
from loadtests.stack import Served, shop_settings
from loadtests.workload import with_comment, zipf

_MOST_RATIO = 1.5
_SHARE_OF_CAPACITY = 0.4
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; seconds are of a phase."""

    seconds: float = 20
    rounds: int = 3
    products: int = 1000


FULL = Plan()
QUICK = Plan(seconds=4, rounds=1, products=200)


def measure(plan: Plan = QUICK) -> dict[str, Any]:
    """Return latencies by phase, round by round, and their ratios to those at rest."""
    with tempfile.TemporaryDirectory(prefix="vitrine-outage-") as name:
        folder = Path(name)
        with (
            redis_process(folder) as server,
            shop_server(folder, plan.products, shop_settings(server.url)) as (served, pictures),
        ):
            report = uvloop.run(_rounds(plan, server, served, pictures))
    return report | {"machine": machine()}


async def _rounds(
    plan: Plan, server: RedisProcess, served: Served, pictures: list[bytes]
) -> dict[str, Any]:
    client = Client(served.address)
    search = _searching(client, pictures)
    capacity = (await closed(search, at_once=_AT_ONCE, seconds=plan.seconds / 2)).goodput
    rate = _SHARE_OF_CAPACITY * capacity
    phases: dict[str, Callable[[], None]] = {
        "at rest": lambda: None,
        "killed": server.kill,
        "restarted": server.start,
        "hung": server.hang,
        "resumed": server.resume,
    }
    done: dict[str, list[Offered]] = {name: [] for name in phases}
    for seed in range(plan.rounds):
        for name, act in phases.items():
            say(f"{name} ...")
            done[name].append(await _phase(search, act, rate, plan.seconds, seed))
    client.close()
    rest = [each.percentile(99) for each in done["at rest"]]
    ratios = {
        name: [each.percentile(99) / usual for each, usual in zip(rounds, rest, strict=True)]
        for name, rounds in done.items()
    }
    return {
        "requests_per_second": round(rate, 1),
        "phases": {name: [each.told() for each in rounds] for name, rounds in done.items()},
        "failed": sum(each.failed for rounds in done.values() for each in rounds),
        "refused": sum(e.statuses.get(429, 0) for rounds in done.values() for e in rounds),
        "requests": sum(len(each.requests) for rounds in done.values() for each in rounds),
        "p99_over_rest": {n: [round(r, 2) for r in found] for n, found in ratios.items()},
        "p99_over_rest_median": {n: round(statistics.median(f), 2) for n, f in ratios.items()},
    }


async def _phase(
    search: Send, act: Callable[[], None], rate: float, seconds: float, seed: int
) -> Offered:
    offering = asyncio.create_task(offer(search, rate=rate, seconds=seconds, seed=seed))
    await asyncio.sleep(min(1.0, seconds / 4))
    await asyncio.to_thread(act)
    return await offering


def _searching(client: Client, pictures: list[bytes]) -> Send:
    rng, numbers = np.random.default_rng(0), count()
    shares = np.diff(zipf(len(pictures)), prepend=0)
    shares /= shares.sum()

    async def search(_: int) -> int:
        data = pictures[rng.choice(len(pictures), p=shares)]
        if rng.random() < 0.5:
            data = with_comment(data, f"new {next(numbers)}")
        return (await client.ask(search_by(data))).status

    return search


def figures(report: dict[str, Any]) -> list[Figure]:
    """Return the report as figures beside what was asked."""
    failed = report["failed"] + report["refused"]
    ratios, rounds = report["p99_over_rest_median"], report["p99_over_rest"]
    rows = [Figure("failed", f"{failed} of {report['requests']:,}", "0", failed == 0)]
    for name in ("killed", "restarted", "hung", "resumed"):
        asked = name in ("killed", "restarted")
        rows.append(
            Figure(
                f"p99, Redis {name}, over at rest; median",
                f"{ratios[name]} (rounds {', '.join(str(each) for each in rounds[name])})",
                f"<= {_MOST_RATIO}" if asked else "",
                ratios[name] <= _MOST_RATIO if asked else None,
            )
        )
    rest = ", ".join(str(phase["p99_ms"]) for phase in report["phases"]["at rest"])
    return [*rows, Figure(f"p99 at rest, {report['requests_per_second']} a second", f"{rest} ms")]


def main() -> None:
    """Measure, and print JSON, and a table on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=FULL.seconds, help="of a phase")
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    given = parser.parse_args()
    report = measure(Plan(given.seconds, given.rounds))
    tell(report, figures(report))


if __name__ == "__main__":
    main()
