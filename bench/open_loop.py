"""Requests at times fixed ahead, so that a service that stalls is charged for all who waited.

    rate -> moments -> threads send, each at its moment or as soon as one is free -> latencies

Latency counts from the moment a request was due, not from when it was sent: a closed loop would
send less while the service is slow, and so miss what it wants to measure (coordinated omission).
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

THREADS = 32


@dataclass(frozen=True, slots=True)
class Latencies:
    """What became of the requests: milliseconds of those answered, and how many failed."""

    milliseconds: tuple[float, ...]
    failed: int

    def percentile(self, share: float) -> float:
        """Return milliseconds that this percentage of the answers took at most."""
        return round(float(np.percentile(self.milliseconds, share)), 2)


def run(
    send: Callable[[int], bool],
    *,
    rate: float,
    seconds: float,
    threads: int = THREADS,
    seed: int = 0,
) -> Latencies:
    """Send requests as a Poisson process.

    Args:
        send: Makes request n, and says whether it was answered well; may raise OSError.
        rate: Requests a second, on the mean.
        seconds: How long.
        threads: Requests in flight at most.
        seed: Of the moments.
    """
    gaps = np.random.default_rng(seed).exponential(1 / rate, size=int(rate * seconds))
    start = time.perf_counter() + 0.1
    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(lambda due: _one(send, *due), enumerate(start + np.cumsum(gaps))))
    return _told(done)


def _one(send: Callable[[int], bool], number: int, due: float) -> float | None:
    time.sleep(max(0.0, due - time.perf_counter()))
    try:
        well = send(number)
    except OSError:
        well = False
    return 1000 * (time.perf_counter() - due) if well else None


def _told(done: Sequence[float | None]) -> Latencies:
    answered = tuple(value for value in done if value is not None)
    return Latencies(answered, len(done) - len(answered))
