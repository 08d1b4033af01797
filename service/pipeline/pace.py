"""How fast pictures are answered: by several callers at once, and by one alone.

callers -> pictures in turn -> ask -> pictures a second
one     -> pictures in turn -> ask -> milliseconds each, the median
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

Ask: TypeAlias = Callable[[bytes], object]
"""Bytes of a picture to what the encoder makes of it; safe for several threads."""
_LEAST = 5
"""Pictures of each caller, however slow they are."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What was measured once.

    Attributes:
        rate: Pictures a second of all callers together.
        milliseconds: Median of one caller alone.
    """

    rate: float
    milliseconds: float


def pace(ask: Ask, pictures: Sequence[bytes], callers: int, seconds: float) -> Pace:
    """Measure for about so long, half of it each.

    Args:
        ask: What is measured; whatever it raises is raised.
        pictures: To ask with, in turn.
        callers: At once, for the rate.
        seconds: For both together; more where pictures are slow.
    """
    rate = _rate(ask, pictures, callers, seconds / 2)
    return Pace(rate, _milliseconds(ask, pictures, seconds / 2))


def _rate(ask: Ask, pictures: Sequence[bytes], callers: int, seconds: float) -> float:
    turns = count()  # a step of it is atomic
    start = time.perf_counter()

    def call(_: int) -> int:
        for done in count():
            if done >= _LEAST and time.perf_counter() - start >= seconds:
                return done
            ask(pictures[next(turns) % len(pictures)])
        raise AssertionError  # a count has no end

    with ThreadPoolExecutor(callers, thread_name_prefix="caller") as pool:
        done = sum(pool.map(call, range(callers)))
    return done / (time.perf_counter() - start)


def _milliseconds(ask: Ask, pictures: Sequence[bytes], seconds: float) -> float:
    spent: list[float] = []
    start = time.perf_counter()
    ask(pictures[0])  # threads of the crowd before may still be spinning
    while len(spent) < _LEAST or time.perf_counter() - start < seconds:
        began = time.perf_counter()
        ask(pictures[len(spent) % len(pictures)])
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)
