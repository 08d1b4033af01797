"""`python -m bench.overload`: five times what there is room for; JSON on stdout, a table on stderr.

closed loop -> capacity -> open loop at half of it: normal -> at five times it: overloaded
            -> at half of it at once: recovering -> closed loop: capacity again

Pictures are small and distinct and no cache is on, so that capacity is the encoder's. The client is
one event loop on the service's own cores: what it takes, and what a refusal costs the service, are
missing from the goodput, and told.
"""

import argparse
import asyncio
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import uvloop

from bench.memory import resident_megabytes, watching
from bench.open_loop import Offered, Send, closed, offer, percentile
from bench.overload_table import figures
from bench.report import machine, say, tell
from bench.shop import shop_server
from bench.wire import Client
from loadtests.asks import get, search_by
from loadtests.exposition import counter
from loadtests.stack import Served
from loadtests.workload import with_comment
from service.settings import Settings

_TIMES = 5
_AT_ONCE = (8, 16, 32)
_NORMAL_SHARE = 0.5
_OFF = ("memory_cache_bytes", "recent_picture_bytes", "result_seconds", "compact_rows")
_WINDOW_SECONDS = 0.25
_WATCH_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; seconds."""

    overload: float = 60
    capacity: float = 8
    normal: float = 10
    products: int = 1000


FULL = Plan()
QUICK = Plan(overload=10, capacity=3, normal=5, products=200)


def measure(
    plan: Plan = QUICK, settings: dict[str, object] | None = None, tier: str = "auto"
) -> dict[str, Any]:
    """Return what became of the load.

    Args:
        plan: How much is measured.
        settings: The service's, by name.
        tier: What searches ask for; `auto` steps down to the fast tier where that helps.
    """
    off = dict.fromkeys(_OFF, 0)
    with tempfile.TemporaryDirectory(prefix="vitrine-overload-") as name:
        folder = Path(name)
        with shop_server(folder, plan.products, {**off, **(settings or {})}) as (served, pictures):
            report = uvloop.run(_phases(plan, served, pictures, tier))
    target = getattr(Settings(), "latency_target_seconds", None)
    target = (settings or {}).get("latency_target_seconds", target)
    return report | {"tier": tier, "latency_target_seconds": target, "machine": machine()}


async def _phases(plan: Plan, served: Served, pictures: list[bytes], tier: str) -> dict[str, Any]:
    client = Client(served.address)
    search = searching(client, pictures, tier)
    await closed(search, at_once=max(_AT_ONCE), seconds=plan.capacity)  # warms up
    before = await _capacity(search, plan)
    capacity = before["capacity"]
    low = _NORMAL_SHARE * capacity
    say(f"capacity {capacity:.1f}/s; normal load {low:.1f}/s ...")
    normal = await offer(search, rate=low, seconds=plan.normal)
    lowered = await _lowered(client)
    async with watching(served.pid, _WATCH_SECONDS) as memory:
        resident = resident_megabytes(served.pid)
        say(f"{_TIMES * capacity:.0f}/s for {plan.overload:g} s ...")
        overloading = asyncio.create_task(
            offer(search, rate=_TIMES * capacity, seconds=plan.overload)
        )
        await asyncio.sleep(plan.overload)
        # Now nothing more of it comes; what waits is answered while the next ones come.
        after = await offer(search, rate=low, seconds=plan.normal, seed=1)
        overload = await overloading
    lowered = await _lowered(client) - lowered
    again = await _capacity(search, plan)
    client.close()
    return {
        "times": _TIMES,
        "capacity": before,
        "capacity_after": again,
        "normal": normal.told(),
        "overload": overload.told(),
        "goodput_over_capacity": round(2 * overload.goodput / (capacity + again["capacity"]), 3),
        "by_the_fast_tier": lowered,
        "recovering": after.told(),
        "recovery_seconds": recovery_seconds(normal, after),
        "memory_mb": {
            "before": resident,
            "peak": max(each for _, each in memory),
            "after": resident_megabytes(served.pid),
        },
        "connections": client.opened,
    }


def searching(client: Client, pictures: list[bytes], tier: str = "auto") -> Send:
    """Return what sends a search by a picture that nobody has sent before."""
    numbers, fields = count(), {} if tier == "auto" else {"tier": tier}

    async def search(_: int) -> int:
        number = next(numbers)
        data = with_comment(pictures[number % len(pictures)], f"picture {number}")
        answer = await client.ask(search_by(data, fields))
        return answer.status

    return search


async def _lowered(client: Client) -> int:
    """Return how many answers had a faster tier than was wished for, ever."""
    metrics = await client.ask(get("", "/metrics", lambda _: None).wire())
    return counter(metrics.body.decode(), "vitrine_degraded_total", "part").get("tier", 0)


async def _capacity(search: Send, plan: Plan) -> dict[str, Any]:
    """Return good answers a second by how many are asked at once, and the most of these."""
    found = {}
    for at_once in _AT_ONCE:
        done = await closed(search, at_once=at_once, seconds=plan.capacity)
        found[str(at_once)] = round(done.goodput, 1)
    return {"by_requests_at_once": found, "capacity": max(found.values())}


def recovery_seconds(normal: Offered, after: Offered) -> float | None:
    """Return when answers were as fast as before the overload; None where they never were so.

    That is the end of the first quarter of a second, among those of requests due since it ended,
    whose answers are all good and no slower in their median than in the slowest of such windows at
    the same rate before.
    """
    usual = max((median for median in _windows(normal) if median is not None), default=0.0)
    for number, median in enumerate(_windows(after), 1):
        if median is not None and median <= usual:
            return number * _WINDOW_SECONDS
    return None


def _windows(offered: Offered) -> list[float | None]:
    """Median milliseconds by quarters of a second; None where not all were good, or none came."""
    windows = []
    for number in range(int(offered.seconds / _WINDOW_SECONDS)):
        start = number * _WINDOW_SECONDS
        due = [each for each in offered.requests if start <= each.due < start + _WINDOW_SECONDS]
        good = bool(due) and all(each.good for each in due)
        windows.append(percentile([each.milliseconds for each in due], 50) if good else None)
    return windows


def main() -> None:
    """Measure, and print JSON, and a table on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=FULL.overload)
    parser.add_argument("--tier", default="auto", help="that searches ask for")
    parser.add_argument("--quick", action="store_true", help="a short run: whether it works")
    given = parser.parse_args()
    plan = QUICK if given.quick else Plan(overload=given.seconds)
    report = measure(plan, tier=given.tier)
    tell(report, figures(report))


if __name__ == "__main__":
    main()
