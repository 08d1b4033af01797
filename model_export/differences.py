"""The pictures on which two models differ most: neighbours of both -> right or wrong -> ranked.

Where the catalogue has labels a difference is a gain of one side: more of its first five answers
have the asking picture's label. Else, and among equal gains, what counts is how few both found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.retrieval import common
from service.core.types import Vectors

DEPTH = 5
LIMIT = 8


@dataclass(frozen=True, slots=True)
class Found:
    """An answer.

    Attributes:
        picture: Its row in the sample.
        right: Whether it has the query's label; None where either has none.
        shared: Whether the other side found it too.
    """

    picture: int
    similarity: float
    right: bool | None
    shared: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A query's row in the sample, and the first answers of A and of B."""

    query: int
    answers: tuple[tuple[Found, ...], tuple[Found, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Differences of one kind: the greatest, and how many queries there are of the kind."""

    total: int
    greatest: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """By whom more right answers were found among the first `DEPTH`.

    Attributes:
        neither: Different answers of which as many are right, or none of which can be judged.
    """

    a_finds_more: Group
    b_finds_more: Group
    neither: Group


def find_differences(
    vectors: tuple[Vectors, Vectors],
    found: tuple[NDArray[np.int64], NDArray[np.int64]],
    labels: Sequence[str | None],
    limit: int = LIMIT,
) -> Differences:
    """Find where two models differ most.

    Args:
        vectors: (n, dim) of A and of B, unit length.
        found: (n, k) nearest rows of each, best first; at least one.
        labels: n.
        limit: Most differences of each kind.
    """
    first_a, first_b = found[0][:, :DEPTH], found[1][:, :DEPTH]
    names = np.array(labels, dtype=object)
    gains = _right(names, first_b).sum(axis=1) - _right(names, first_a).sum(axis=1)
    shared = common(first_a, first_b)
    # The sample is in random order, which decides between equals.
    order = np.lexsort((shared, -np.abs(gains)))
    differs = shared < first_a.shape[1]

    def group(chosen: NDArray[np.bool_]) -> Group:
        rows = [int(row) for row in order if chosen[row]]
        greatest = [_difference(row, vectors, (first_a, first_b), names) for row in rows[:limit]]
        return Group(len(rows), tuple(greatest))

    return Differences(
        a_finds_more=group(gains < 0),
        b_finds_more=group(gains > 0),
        neither=group((gains == 0) & differs),
    )


def _right(names: NDArray[Any], found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, k) bool: whether each answer has its query's label."""
    known = np.array([name is not None for name in names])
    right: NDArray[np.bool_] = (names[found] == names[:, None]) & known[:, None]
    return right


def _difference(
    query: int,
    vectors: tuple[Vectors, Vectors],
    found: tuple[NDArray[np.int64], NDArray[np.int64]],
    names: NDArray[Any],
) -> Difference:
    def answers(side: int) -> tuple[Found, ...]:
        others = set(found[1 - side][query].tolist())
        asked = names[query]
        return tuple(
            Found(
                picture=row,
                similarity=float(vectors[side][query] @ vectors[side][row]),
                right=None if asked is None or names[row] is None else bool(names[row] == asked),
                shared=row in others,
            )
            for row in found[side][query].tolist()
        )

    return Difference(query, (answers(0), answers(1)))
