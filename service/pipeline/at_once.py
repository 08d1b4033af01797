"""The same work for several things, side by side; what is wrong with one is of it alone."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.core.cores import core_count
from service.core.errors import VitrineError
from service.pipeline.clock import Clock
from service.pipeline.outcome import attempt

_I = TypeVar("_I")
_T = TypeVar("_T")


def at_once(
    stage: str, call: Callable[[_I, Clock], _T], items: Sequence[_I], clock: Clock
) -> list[_T | VitrineError]:
    """Return what comes of each, in order.

    Args:
        stage: What several are timed as together; one alone has its own stages.
        call: The work for one.
        items: One, or several, which get as many threads as there are cores.
        clock: Of the whole.
    """
    if len(items) <= 1:
        return [attempt(call, each, clock) for each in items]
    with clock.stage(stage), ThreadPoolExecutor(core_count()) as pool:
        return list(pool.map(lambda each: attempt(call, each, Clock()), items))
