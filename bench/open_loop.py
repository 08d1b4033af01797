"""Requests at times fixed ahead, so that a service that stalls is charged for all who waited.

    rate -> moments -> each request is sent at its moment, however many are under way -> Offered

Latency counts from the moment a request was due, not from when it was sent: a closed loop would
send less while the service is slow, and so miss what it wants to measure (coordinated omission).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50, 90, 99, 99.9)
WRONG = -1
"""In place of a status: the answer was 200 but not right."""
Send: TypeAlias = Callable[[int], Awaitable[int]]
"""Makes request n; returns the status, 0 where there was no answer, or WRONG."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request; seconds since the first could have been due.

    Attributes:
        sent: When; later than due where the client had no time.
    """

    due: float
    sent: float
    done: float
    status: int

    @property
    def good(self) -> bool:
        """Whether it was answered well."""
        return 200 <= self.status < 300

    @property
    def milliseconds(self) -> float:
        """From when it was due."""
        return 1000 * (self.done - self.due)


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of requests that were offered for some seconds."""

    seconds: float
    requests: tuple[Sent, ...]
    client_cpu_seconds: float

    @property
    def goodput(self) -> float:
        """Good answers a second, over the time until the last good one came."""
        good = [each.done for each in self.requests if each.good]
        return len(good) / max(self.seconds, *good) if good else 0.0

    @property
    def statuses(self) -> dict[int, int]:
        """How many were answered with which."""
        return dict(sorted(Counter(each.status for each in self.requests).items()))

    @property
    def failed(self) -> int:
        """Those neither answered well nor refused for want of room."""
        return sum(not each.good and each.status != 429 for each in self.requests)

    def percentile(self, share: float) -> float:
        """Return the milliseconds that this percentage of the good answers took at most."""
        return percentile([each.milliseconds for each in self.requests if each.good], share)

    def told(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        lag = [1000 * (each.sent - each.due) for each in self.requests]
        return {
            "offered_per_second": round(len(self.requests) / self.seconds, 1),
            "goodput_per_second": round(self.goodput, 1),
            **{f"p{share:g}_ms": self.percentile(share) for share in PERCENTILES},
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "failed": self.failed,
            "client_lag_p99_ms": percentile(lag, 99),
            "client_cores": round(self.client_cpu_seconds / self.seconds, 2),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, to two digits; NaN of nothing."""
    return round(float(np.percentile(values, share)), 2) if len(values) else float("nan")


def moments(rate: float, seconds: float, seed: int = 0) -> NDArray[np.float64]:
    """Return when the requests of a Poisson process are due, all within `seconds`."""
    gaps = np.random.default_rng(seed).exponential(1 / rate, size=int(2 * rate * seconds) + 50)
    due = np.cumsum(gaps)
    return due[due < seconds]


async def offer(send: Send, *, rate: float, seconds: float, seed: int = 0) -> Offered:
    """Send requests as a Poisson process, and wait for all answers.

    Args:
        send: Makes one request; must not raise.
        rate: Requests a second, on the mean.
        seconds: How long.
        seed: Of the moments.
    """
    busy = time.process_time()
    begun = time.perf_counter()
    requests: list[Sent] = []

    async def one(number: int, due: float) -> None:
        sent = time.perf_counter() - begun
        status = await send(number)
        requests.append(Sent(due, sent, time.perf_counter() - begun, status))

    async with asyncio.TaskGroup() as group:
        for number, due in enumerate(moments(rate, seconds, seed).tolist()):
            await asyncio.sleep(max(0.0, due - (time.perf_counter() - begun)))
            group.create_task(one(number, due))
    return Offered(seconds, tuple(requests), time.process_time() - busy)


async def closed(send: Send, *, at_once: int, seconds: float) -> Offered:
    """Keep so many requests under way, each followed by another: what there is room for."""
    busy = time.process_time()
    begun = time.perf_counter()
    requests: list[Sent] = []

    async def loop(number: int) -> None:
        while (sent := time.perf_counter() - begun) < seconds:
            status = await send(number)
            requests.append(Sent(sent, sent, time.perf_counter() - begun, status))
            number += at_once

    await asyncio.gather(*(loop(number) for number in range(at_once)))
    return Offered(seconds, tuple(requests), time.process_time() - busy)
