"""Retrieval measures over exact neighbours.

Formulas as in Manning, Raghavan, Schütze, "Introduction to Information Retrieval", chapter 8.
"""

import numpy as np
from numpy.typing import NDArray


def precision_at(relevant: NDArray[np.bool_], k: int) -> float:
    """Mean share of relevant results among the first k.

    Args:
        relevant: (queries, depth) bool, best result first.
        k: At most depth.
    """
    return float(relevant[:, :k].mean())


def mean_average_precision(relevant: NDArray[np.bool_], available: NDArray[np.int64]) -> float:
    """Mean over queries of average precision, cut off at the depth of `relevant`.

    Args:
        relevant: (queries, depth) bool, best result first.
        available: (queries,) relevant items in the whole gallery.
    """
    _, depth = relevant.shape
    found = relevant.cumsum(axis=1)
    precision = found / np.arange(1, depth + 1)
    possible = np.clip(available, 1, depth)
    return float(((precision * relevant).sum(axis=1) / possible).mean())
