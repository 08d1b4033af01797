"""Neighbours to products, in the order to show: best picture each, copies collapsed, varied.

nearest rows -> best picture per product -> near-duplicates collapsed? -> diversified?

Some hundreds are ranked where ten are shown, so that they stay columns of numbers until then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from service.core.types import Vectors

_BLOCK = 256
"""Pictures compared with those before them in one product of matrices."""
_SAME_BYTES = 0.99
"""Cosine beyond which two vectors may be of one picture, whatever their rounding."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """n products by their best pictures, best first.

    Attributes:
        similarities: (n,) cosines of these pictures, falling.
        rows: (n,) of them in the index.
        matched: (n,) how many pictures of each product were among the neighbours.
    """

    similarities: NDArray[np.float32]
    rows: NDArray[np.int64]
    matched: NDArray[np.int64]

    def __len__(self) -> int:
        """Products there are."""
        return len(self.rows)

    def take(self, places: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "Ranked":
        """Return those at some places."""
        return Ranked(self.similarities[places], self.rows[places], self.matched[places])


def best_per_product(
    similarities: NDArray[np.float32],
    rows: NDArray[np.int64],
    products: NDArray[np.int32],
    limit: int | None = None,
) -> Ranked:
    """Fold one query's neighbours into products, in order of their best pictures.

    Args:
        similarities: (k,) cosines, falling.
        rows: (k,) row numbers; -1, FAISS's word for "no more", is skipped.
        products: (k,) numbers of these rows' products.
        limit: Products wanted at most; None is all.
    """
    best: dict[int, int] = {}
    matched: dict[int, int] = {}
    # By a loop, since these are tens: it comes to less code than `np.unique` does, of which nothing
    # is left in the processor's caches after a run of the encoder (`make bench ONLY=steps`).
    for place, (row, product) in enumerate(zip(rows.tolist(), products.tolist(), strict=True)):
        if row >= 0:
            best.setdefault(product, place)
            matched[product] = matched.get(product, 0) + 1
    places, counts = [*best.values()][:limit], [*matched.values()][:limit]
    return Ranked(similarities[places], rows[places], np.array(counts, np.int64))


def collapse(
    vectors: Vectors, least_cosine: float, image_id: Callable[[int], str]
) -> dict[int, list[int]]:
    """Keep the first of those pictures that are nearly the same.

    Args:
        vectors: (n, dim), best first.
        least_cosine: Of two pictures that count as one; the very same bytes always do.
        image_id: Returns the identity of the picture at a place.

    Returns:
        The places kept, in order, each with the places of those it stands for.
    """
    identity, kept = cache(image_id), dict[int, list[int]]()
    for first in range(0, len(vectors), _BLOCK):
        block = np.arange(first, min(first + _BLOCK, len(vectors)))
        before = np.array([*kept, *block], np.int64)
        compared = vectors[before]
        # A view of the same, so that half the products are spared where nothing was kept yet.
        cosines = compared[len(kept) :] @ compared.T
        earlier = before < block[:, np.newaxis]
        near = (cosines >= least_cosine) & earlier
        same = (cosines >= _SAME_BYTES) & earlier
        some: list[bool] = np.any(near | same, axis=1).tolist()  # most have none, and are kept
        for row, place in enumerate(block.tolist()):
            if some[row]:
                copies = [other for other in before[same[row]].tolist() if other in kept]
                copies = [other for other in copies if identity(other) == identity(place)]
                likes = [other for other in before[near[row]].tolist() if other in kept]
                if copies or likes:
                    kept[(copies or likes)[0]].append(place)
                    continue
            kept[place] = []
    return kept


def diversified(
    similarities: NDArray[np.float32], vectors: Vectors, diversity: float, count: int
) -> list[int]:
    """Order candidates so that each is like the query and unlike those before it.

    Maximal marginal relevance: next comes the candidate i, of those not yet chosen, with the most

        (1 - diversity) * cosine(i, query) - diversity * max over chosen j of cosine(i, j)

    (Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents
    and Producing Summaries", SIGIR 1998; their lambda is 1 - diversity.)

    Args:
        similarities: (n,) cosines with the query, falling; the first is always chosen first.
        vectors: (n, dim), of unit length.
        diversity: 0 keeps the order, 1 looks at nothing but what differs.
        count: How many to choose.

    Returns:
        Places of min(count, n) candidates, in order; of equals the more similar.
    """
    count = min(count, len(similarities))
    worth = (1 - diversity) * similarities
    likeness = np.full(len(similarities), -np.inf, np.float32)
    chosen = [0] if count else []
    while len(chosen) < count:
        np.maximum(likeness, vectors @ vectors[chosen[-1]], out=likeness)
        worth[chosen[-1]] = -np.inf
        chosen.append(int(np.argmax(worth - diversity * likeness)))
    return chosen
