"""Neighbours to products, in the order to show: best picture each, copies collapsed, varied.

nearest rows -> best picture per product -> near-duplicates collapsed? -> diversified?
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.core.types import Hit, Vectors

_BLOCK = 256
"""Hits compared with those before them in one product of matrices."""


def best_per_product(
    similarities: NDArray[np.float32],
    rows: NDArray[np.int64],
    products: NDArray[np.int32],
    image_ids: Sequence[str],
    product_ids: Sequence[str],
    limit: int | None = None,
) -> list[Hit]:
    """Fold one query's neighbours into products, best first.

    Args:
        similarities: (k,) cosines, falling.
        rows: (k,) row numbers; -1, FAISS's word for "no more", is skipped.
        products: (k,) numbers of these rows' products.
        image_ids: Of every row of the index.
        product_ids: Of every row of the index.
        limit: Hits wanted at most; None is all.

    Returns:
        A hit a product, in order of its best picture; `matched_images` counts its pictures among
        the k neighbours.
    """
    real = np.flatnonzero(rows >= 0)
    _, first, counts = np.unique(products[real], return_index=True, return_counts=True)
    order = np.argsort(first)[:limit]
    best = real[first[order]]
    folded = zip(
        rows[best].tolist(), similarities[best].tolist(), counts[order].tolist(), strict=True
    )
    # Only of the rows that are shown: reading an id is most of the work.
    return [
        Hit(product_ids[row], image_ids[row], similarity, matched, row)
        for row, similarity, matched in folded
    ]


def collapse(hits: Sequence[Hit], vectors: Vectors, least_cosine: float) -> list[Hit]:
    """Keep the first of those hits whose pictures are nearly the same.

    Args:
        hits: Best first.
        vectors: (len(hits), dim), those of their best pictures.
        least_cosine: Of two pictures that count as one; the very same bytes always do.

    Returns:
        The hits kept, in order, each with the ids of those it stands for as `duplicates`.
    """
    kept: list[int] = []
    duplicates: dict[int, list[str]] = {}
    pictures: dict[str, int] = {}
    for first in range(0, len(hits), _BLOCK):
        block = np.arange(first, min(first + _BLOCK, len(hits)))
        before = np.array([*kept, *block], np.int64)
        close = vectors[block] @ vectors[before].T >= least_cosine
        close &= before < block[:, np.newaxis]
        some: list[bool] = np.any(close, axis=1).tolist()  # most have none, and are kept
        for place in block.tolist():
            same = pictures.get(hits[place].image_id)
            if same is None and some[place - first]:
                near = before[close[place - first]].tolist()
                same = next((other for other in near if other in duplicates), None)
            if same is not None:
                duplicates[same].append(hits[place].product_id)
                continue
            kept.append(place)
            duplicates[place], pictures[hits[place].image_id] = [], place
    return [
        replace(hits[place], duplicates=tuple(duplicates[place]))
        if duplicates[place]
        else hits[place]
        for place in kept
    ]


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
    chosen: list[int] = []
    free = np.ones(len(similarities), np.bool_)
    likeness = np.zeros(len(similarities), np.float32)
    for _ in range(min(count, len(similarities))):
        worth = (1 - diversity) * similarities - diversity * likeness
        best = int(np.argmax(np.where(free, worth, -np.inf))) if chosen else 0
        cosines = vectors @ vectors[best]
        likeness = np.maximum(likeness, cosines) if chosen else cosines
        chosen.append(best)
        free[best] = False
    return chosen
