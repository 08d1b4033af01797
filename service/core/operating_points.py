"""What a way of searching is worth, and which one serves.

found, true neighbours -> recall@k of each query -> their mean, and what it is at least
points measured -> the cheapest that promises the target, or else the best
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.core.manifest import OperatingPoint
from service.core.types import Vectors

K = 10
"""Results that recall is measured at."""
_EQUAL = 1e-5
"""Cosines closer than this are a tie: twice what float32 sums of some hundred terms differ by."""


_SURE = 0.99
"""That a point keeps what it promises; of six that are chosen among, all do in 94 builds of 100."""
_RESAMPLES = 4000


def recall(found: Vectors, true: Vectors) -> float:
    """Return the share of the true neighbours that were found, 0-1; as `recalls` has them."""
    return float(recalls(found, true).mean())


def recalls(found: Vectors, true: Vectors) -> NDArray[np.float64]:
    """Return the share of the true neighbours that each query found, (n,), 0-1.

    A row as near as the last true neighbour counts as one, for of equal pictures any will do.

    Args:
        found: (n, k) exact cosines of distinct rows that were found.
        true: (n, k) cosines of the nearest rows, falling.
    """
    shares: NDArray[np.float64] = (found >= true[:, -1:] - _EQUAL).mean(axis=1)
    return shares


def at_least(recalls: NDArray[np.float64]) -> float:
    """Return what the mean recall of all queries is not below, as sure as 99 %.

    By the percentile bootstrap over queries (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13): the neighbours of one query are found or missed together, so that
    queries are drawn again and not neighbours. Seeded: the same recalls promise the same.

    Args:
        recalls: (n,) of queries that were drawn at random.
    """
    values, counts = np.unique(recalls, return_counts=True)
    n = len(recalls)
    drawn = np.random.default_rng(0).multinomial(n, counts / n, size=_RESAMPLES)
    return float(np.quantile(drawn @ values / n, 1 - _SURE))


def choose(points: Sequence[OperatingPoint], target_recall: float) -> OperatingPoint:
    """Return the cheapest point that promises the target, or the one nearest to it."""
    enough = [point for point in points if point.promised >= target_recall]
    if enough:
        return min(enough, key=lambda point: point.milliseconds)
    return max(points, key=lambda point: (point.promised, -point.milliseconds))
