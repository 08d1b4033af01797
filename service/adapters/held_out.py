"""Queries that resemble the rows of an index and are not among them, with their exact neighbours.

    a seeded sample of rows -> itself, left out of its answer -> neighbours among the other rows
                            -> turned away from itself        -> neighbours among all rows

Either is too easy for some index, so that one is held to the worse of them. A graph has links from
every row to its neighbours, which lead a row to what it should find; a turned one has none. But a
turned row has one row near and the others farther away than those of a row are, which codes tell
apart more easily. Lists and codes keep nothing of a row for another's sake: one that is left out is
to them as any that they never held.

A row is turned along the difference between two of its ten neighbours, for pictures differ in few
of all dimensions, to the cosine that rows have to their nearest neighbour at the median: it lies
among its like, as far from the index as rows are from each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.adapters.half_vectors import HalfVectors
from service.core.operating_points import K
from service.core.types import Vectors

_SEED = 1
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Two samples of n queries, and the cosines of what each should find.

    Attributes:
        rows: (n,) numbers of rows, which are to be left out.
        near: (n, k) cosines of their nearest others, falling; k is 0 where there is no other.
        turned: (n, dim) unit vectors.
        true: (n, k) cosines of their nearest rows, falling.
    """

    rows: NDArray[np.int64]
    near: Vectors
    turned: Vectors
    true: Vectors

    def __len__(self) -> int:
        """Queries of either sample."""
        return len(self.rows)

    def first(self, count: int) -> "HeldOut":
        """Return so many of them."""
        few = slice(count)
        return HeldOut(self.rows[few], self.near[few], self.turned[few], self.true[few])


def hold_out(vectors: HalfVectors, count: int, seed: int = _SEED) -> HeldOut:
    """Draw `count` rows, or all there are, and find what they should by reading every row."""
    rng = np.random.default_rng(seed)
    count = min(count, len(vectors))
    rows = np.sort(rng.choice(len(vectors), count, replace=False))
    sampled = vectors.take(rows)
    similarities, found = _exact(vectors, sampled, min(K + 1, len(vectors)))
    closeness = float(np.clip(np.median(similarities[:, min(1, found.shape[1] - 1)]), 0.0, 0.999))
    turned = _turned(vectors, sampled, found[:, 1:], closeness, rng)
    return HeldOut(
        rows=rows,
        near=_of_others(similarities, found, rows),
        turned=turned,
        true=_exact(vectors, turned, min(K, len(vectors)))[0],
    )


def _turned(
    vectors: HalfVectors,
    sampled: Vectors,
    near: NDArray[np.int64],
    closeness: float,
    rng: np.random.Generator,
) -> Vectors:
    """Turn unit vectors to this cosine, each along the difference between two neighbours."""
    pairs = rng.permuted(near, axis=1)[:, :2]
    if pairs.shape[1] == 2:
        away = vectors.take(pairs[:, 0]) - vectors.take(pairs[:, 1])
    else:
        away = np.zeros_like(sampled)
    # Copies of one picture differ in nothing; a little noise gives these a direction too.
    away += 1e-3 * rng.normal(size=sampled.shape).astype(np.float32)
    away -= np.einsum("nd,nd->n", away, sampled)[:, np.newaxis] * sampled
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), np.float32(1e-12))
    turned: Vectors = closeness * sampled + np.sqrt(1 - closeness**2) * away
    return turned.astype(np.float32)


def _of_others(similarities: Vectors, found: NDArray[np.int64], rows: NDArray[np.int64]) -> Vectors:
    """Leave each row out of what was found for it; of many copies the last stands for it."""
    itself = found == rows[:, np.newaxis]
    itself[:, -1] |= ~itself.any(axis=1)
    near: Vectors = similarities[~itself].reshape(len(rows), -1)
    return near


def _exact(vectors: HalfVectors, queries: Vectors, limit: int) -> tuple[Vectors, NDArray[np.int64]]:
    """Read every row for some hundred queries at a time, which bounds what memory holds."""
    parts = [
        vectors.search(queries[first : first + _AT_ONCE], limit)
        for first in range(0, len(queries), _AT_ONCE)
    ]
    similarities, found = zip(*parts, strict=True)
    return np.concatenate(similarities), np.concatenate(found)
