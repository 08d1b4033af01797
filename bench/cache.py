"""`python -m bench.cache`: what a kept answer costs, and a herd; JSON on stdout.

    pictures again and again -> answers in memory | in Redis | an endpoint that does nothing
    a new picture, 200 times at once                 -> how often it was decoded and searched

The servers are asked in turns, a round each, by other pictures at once than those under way, which
would share an answer. The client is one event loop on the same cores, so requests a second are
told beside the processor time that each request took of its server. `bench.redis_outage` has what
happens when Redis goes.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.cache_table import figures
from bench.open_loop import Offered, closed
from bench.processor import processor_seconds
from bench.report import machine, say, tell
from bench.shop import shop_server
from bench.wire import Client
from loadtests.asks import search_by
from loadtests.redis_process import RedisProcess, redis_process
from loadtests.stack import Served, free_port, running, service, wait_until
from loadtests.workload import with_comment

_AT_ONCE = 16
_HERD = 200
_SEARCH_STAGES = ("decode", "embed", "search")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; seconds."""

    rounds: int = 7
    seconds: float = 4
    products: int = 1000


FULL = Plan()
QUICK = Plan(rounds=2, seconds=0.5, products=60)


def measure(plan: Plan = QUICK) -> dict[str, Any]:
    """Return the figures."""
    with (
        tempfile.TemporaryDirectory(prefix="vitrine-cache-") as name,
        redis_process(Path(name)) as redis,
        shop_server(Path(name), plan.products, {"compact_rows": 0}) as (near, pictures),
        service(Path(name) / "data", Path(name) / "far.log", _far(redis)) as far,
    ):
        report: dict[str, Any] = {"machine": machine()}
        report["hits"] = uvloop.run(_hits(plan, Path(name), _alike(pictures), near, far))
        say("a herd ...")
        report["herd"] = uvloop.run(_herd(near, pictures[0]))
        return report


def _far(redis: RedisProcess) -> dict[str, object]:
    """Settings of a service that keeps nothing itself."""
    return {"redis_url": redis.url, "result_cache_bytes": 0, "memory_cache_bytes": 0}


def _alike(pictures: list[bytes]) -> list[bytes]:
    """As many pictures as are under way at once, twice, of a middling size."""
    ordered = sorted(pictures, key=len)
    middle = max(0, len(ordered) // 2 - _AT_ONCE)
    return ordered[middle : middle + 2 * _AT_ONCE]


async def _hits(
    plan: Plan, folder: Path, pictures: list[bytes], near: Served, far: Served
) -> dict[str, Any]:
    requests = [search_by(each, {"limit": "10"}) for each in pictures]
    lengths = [await _warm([near, far], request) for request in requests]
    length = round(statistics.mean(lengths))
    with _bare(folder, length) as bare:
        asked = {
            "memory": (near, requests),
            "redis": (far, requests),
            **{
                f"bare_{how}": (bare, [_to(f"/{how}", request) for request in requests])
                for how in ("form", "body")
            },
        }
        rates: dict[str, list[float]] = {name: [] for name in asked}
        costs: dict[str, list[float]] = {name: [] for name in asked}
        clients: list[float] = []
        for number in range(plan.rounds + 1):
            say(f"hits, round {number} ...")
            for name, (served, sent) in asked.items():
                spent = processor_seconds(served.pid)
                done = await _asked(served, sent, plan.seconds)
                if number:  # the first one warms up
                    rates[name].append(done.goodput)
                    spent = processor_seconds(served.pid) - spent
                    costs[name].append(1e6 * spent / len(done.requests))
                    clients.append(done.client_cpu_seconds / done.seconds)
    return {
        "upload_bytes": round(statistics.mean(map(len, pictures))),
        "answer_bytes": length,
        "requests_at_once": _AT_ONCE,
        "client_cores": round(statistics.median(clients), 2),
        "per_second": {name: _spread(values) for name, values in rates.items()},
        "server_cpu_us": {name: _spread(values) for name, values in costs.items()},
        "ratios": {
            f"{kept}_over_{bare}": {
                "per_second": _ratio(rates[kept], rates[bare]),
                "server_cpu": _ratio(costs[bare], costs[kept]),
            }
            for kept in ("memory", "redis")
            for bare in ("bare_form", "bare_body")
        },
    }


async def _warm(services: list[Served], request: bytes) -> int:
    """Let each have the answer; return its bytes."""
    length = 0
    for served in services:
        client = Client(served.address)
        for _ in range(2):
            answer = await client.ask(request)
        if answer.status != 200 or json.loads(answer.body)["timings"].keys() != {"cached"}:
            raise RuntimeError(f"no answer that was kept: {answer.body[:300]!r}")
        length = len(answer.body)
        client.close()
    return length


def _to(path: str, request: bytes) -> bytes:
    return request.replace(b"POST /v1/search", f"POST {path}".encode(), 1)


async def _asked(served: Served, requests: list[bytes], seconds: float) -> Offered:
    client = Client(served.address)

    async def ask(number: int) -> int:
        return (await client.ask(requests[number % len(requests)])).status

    done = await closed(ask, at_once=_AT_ONCE, seconds=seconds)
    client.close()
    if done.failed:
        raise RuntimeError(f"{served.address}: {done.statuses}")
    return done


async def _herd(served: Served, picture: bytes) -> dict[str, Any]:
    client = Client(served.address)
    request = search_by(with_comment(picture, "a herd"))
    before = await _stages(client)
    answers = await asyncio.gather(*(client.ask(request) for _ in range(_HERD)))
    after = await _stages(client)
    client.close()
    bodies = [json.loads(answer.body) for answer in answers if answer.status == 200]
    return {
        "requests": _HERD,
        "answered": len(bodies),
        "different_answers": len({json.dumps(body["results"]) for body in bodies}),
        "times": {stage: after[stage] - before[stage] for stage in _SEARCH_STAGES},
    }


async def _stages(client: Client) -> dict[str, int]:
    """How often each stage of a search was gone through."""
    request = b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n"
    text = (await client.ask(request)).body.decode()
    found = re.findall(r'^vitrine_stage_seconds_count\{stage="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return dict.fromkeys(_SEARCH_STAGES, 0) | {name: round(float(count)) for name, count in found}


@contextmanager
def _bare(folder: Path, answer_bytes: int) -> Iterator[Served]:
    port, log = free_port(), folder / "bare.log"
    options = ["--port", str(port), "--bytes", str(answer_bytes)]
    with running([sys.executable, "-m", "bench.bare", *options], log) as process:
        wait_until("the bare endpoint", lambda: "running on" in log.read_text(), process, log)
        yield Served(f"http://127.0.0.1:{port}", process.pid)


def _spread(values: list[float]) -> dict[str, float]:
    told = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, 1) for name, value in told.items()}


def _ratio(values: list[float], others: list[float]) -> dict[str, float]:
    """Round by round: what slows the machine for a while slows both."""
    ratios = [value / other for value, other in zip(values, others, strict=True)]
    told: Mapping[str, float] = {
        "median": statistics.median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }
    return {name: round(value, 3) for name, value in told.items()}


def main() -> None:
    """Measure, and print JSON, and a table on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run: whether it works")
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument(
        "--seconds", type=float, default=FULL.seconds, help="of a server in a round"
    )
    given = parser.parse_args()
    report = measure(QUICK if given.quick else Plan(given.rounds, given.seconds))
    tell(report, figures(report))


if __name__ == "__main__":
    main()
