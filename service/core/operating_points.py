"""What a way of searching is worth, and which one serves.

found, true neighbours -> recall@k
points measured -> the cheapest that reaches the target, or else the best
"""

from collections.abc import Sequence

from service.core.manifest import OperatingPoint
from service.core.types import Vectors

_EQUAL = 1e-5
"""Cosines closer than this are a tie: twice what float32 sums of some hundred terms differ by."""


def recall(found: Vectors, true: Vectors) -> float:
    """Return the share of the true neighbours that were found, 0-1.

    A row as near as the last true neighbour counts as one, for of equal pictures any will do.

    Args:
        found: (n, k) exact cosines of distinct rows that were found.
        true: (n, k) cosines of the nearest rows, falling.
    """
    return float((found >= true[:, -1:] - _EQUAL).mean())


def choose(points: Sequence[OperatingPoint], target_recall: float) -> OperatingPoint:
    """Return the cheapest point that reaches the target, or the one nearest to it."""
    enough = [point for point in points if point.recall >= target_recall]
    if enough:
        return min(enough, key=lambda point: point.milliseconds)
    return max(points, key=lambda point: (point.recall, -point.milliseconds))
