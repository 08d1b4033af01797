"""Neighbours to products, in the order to show: best picture each, copies collapsed, varied.

nearest rows -> best picture per product -> near-duplicates collapsed? -> diversified?
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from service.core.types import Hit, Vectors


def best_per_product(
    similarities: NDArray[np.float32],
    rows: NDArray[np.int64],
    image_ids: Sequence[str],
    product_ids: Sequence[str],
) -> list[Hit]:
    """Fold one query's neighbours into products, best first.

    Args:
        similarities: (k,) cosines, falling.
        rows: (k,) row numbers; -1, FAISS's word for "no more", is skipped.
        image_ids: Of every row of the index.
        product_ids: Of every row of the index.

    Returns:
        A hit a product, in order of its best picture; `matched_images` counts its pictures among
        the k neighbours.
    """
    first: dict[str, tuple[str, float, int]] = {}
    matched: dict[str, int] = {}
    for similarity, row in zip(similarities.tolist(), rows.tolist(), strict=True):
        if row < 0:
            continue
        product = product_ids[row]
        matched[product] = matched.get(product, 0) + 1
        if product not in first:
            first[product] = (image_ids[row], similarity, row)
    return [
        Hit(product, image, similarity, matched[product], row)
        for product, (image, similarity, row) in first.items()
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
    kept_vectors = np.empty_like(vectors)
    for place, hit in enumerate(hits):
        same = pictures.get(hit.image_id)
        if same is None:
            cosines = kept_vectors[: len(kept)] @ vectors[place]
            close = np.flatnonzero(cosines >= least_cosine)
            same = kept[close[0]] if len(close) else None
        if same is not None:
            duplicates[same].append(hit.product_id)
            continue
        kept_vectors[len(kept)] = vectors[place]
        kept.append(place)
        duplicates[place], pictures[hit.image_id] = [], place
    return [replace(hits[place], duplicates=tuple(duplicates[place])) for place in kept]


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
