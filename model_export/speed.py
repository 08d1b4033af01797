"""Images a second of several encoders on this machine, which other work may share.

Rounds alternate, so that a machine that slows down slows all alike: the ratios hold where the
rates do not.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median

_TURN_SECONDS = 0.05


def images_per_second(
    runs: Mapping[str, Callable[[], object]],
    images_per_run: int,
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time each of the runs in alternating rounds.

    Args:
        runs: By name, what embeds `images_per_run` pictures when called.
        images_per_run: Pictures a call embeds.
        rounds: Turns of each.
        clock: Seconds.

    Returns:
        By name, pictures over the median seconds of a call.
    """
    for run in runs.values():
        run()  # the first call allocates
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run()  # not counted: caches are cold, and the other's threads may still be spinning
            seconds[name] += _turn(run, clock)
    return {name: images_per_run / median(taken) for name, taken in seconds.items()}


def _turn(run: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    """Call until the turn is over, at least once; return the seconds of each call."""
    taken: list[float] = []
    while sum(taken) < _TURN_SECONDS:
        start = clock()
        run()
        taken.append(clock() - start)
    return taken
