"""Neighbour feature centralisation: a vector moves to the middle of its mutual nearest neighbours.

    vectors -> the k nearest of each -> those that have it among their own k -> mean -> unit length

Nothing is trained. What one photo happens to show weighs less, what it shares with its like weighs
more. The idea is Neighbor Feature Centralization of Yuan et al., "From Poses to Identity:
Training-Free Person Re-Identification via Feature Centralization", CVPR 2025; here all vectors of a
sum weigh the same. Memory holds a block of vectors, and as many neighbours as the caller holds.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from service.core.types import Vectors

Neighbours = NDArray[np.int32]
"""(n, k) row numbers of each row's nearest others, best first; -1 where no more were found."""
_BLOCK = 1024
_BLOCK_VECTORS = 32_768


def nearest(vectors: Vectors, k: int) -> Neighbours:
    """Return the exact neighbours of (n, dim) unit vectors, (n, min(k, n - 1))."""
    n = len(vectors)
    k = max(0, min(k, n - 1))
    found = np.empty((n, k), np.int32)
    for first in range(0, n if k else 0, _BLOCK):
        rows = np.arange(first, min(first + _BLOCK, n))
        similarities = vectors[rows] @ vectors.T
        similarities[np.arange(len(rows)), rows] = -np.inf
        top = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(similarities, top, 1), axis=1, kind="stable")
        found[rows] = np.take_along_axis(top, order, 1)
    return found


def others(found: NDArray[np.int64], rows: NDArray[np.int64]) -> Neighbours:
    """Take m rows out of what was found for them, (m, k + 1) -> (m, k).

    A row that was not among its own neighbours, for want of recall or for its many copies, loses
    the farthest of them instead.
    """
    itself = found == rows[:, np.newaxis]
    itself[:, -1] |= ~itself.any(axis=1)
    kept: Neighbours = found[~itself].reshape(len(found), -1).astype(np.int32)
    return kept


def mutual(neighbours: Neighbours, rows: slice) -> NDArray[np.bool_]:
    """Return which neighbours of these m rows have the row among their own, (m, k)."""
    near = np.asarray(neighbours[rows])
    theirs = neighbours[np.maximum(near, 0)]
    own = np.arange(len(neighbours))[rows, np.newaxis, np.newaxis]
    both: NDArray[np.bool_] = (theirs == own).any(axis=2) & (near >= 0)
    return both


def middle(own: Vectors, near: Vectors, kept: NDArray[np.bool_]) -> Vectors:
    """Return the unit mean of m vectors, each with those of its neighbours that are kept.

    Args:
        own: (m, dim).
        near: (m, k, dim).
        kept: (m, k).
    """
    sums = own + np.einsum("mkd,mk->md", near, kept.astype(np.float32))
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # Of opposite vectors there is no middle; they stay where they are.
    unit: Vectors = np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), own)
    return unit.astype(np.float32)


def centralized(
    neighbours: Neighbours, take: Callable[[NDArray[np.int64]], Vectors]
) -> Iterator[Vectors]:
    """Yield every vector, centralised, in blocks.

    Args:
        neighbours: Of all n rows.
        take: Returns the (..., dim) unit vectors of rows of any shape.
    """
    n, k = neighbours.shape
    step = max(1, _BLOCK_VECTORS // (k + 1))
    for first in range(0, n, step):
        rows = slice(first, min(first + step, n))
        near = take(np.maximum(neighbours[rows], 0).astype(np.int64))
        own = take(np.arange(rows.start, rows.stop))
        yield middle(own, near, mutual(neighbours, rows))
