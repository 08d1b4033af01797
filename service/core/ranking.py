"""Neighbours to products: the best picture stands for its product."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.core.types import Hit


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
    first: dict[str, tuple[str, float]] = {}
    matched: dict[str, int] = {}
    for similarity, row in zip(similarities.tolist(), rows.tolist(), strict=True):
        if row < 0:
            continue
        product = product_ids[row]
        matched[product] = matched.get(product, 0) + 1
        if product not in first:
            first[product] = (image_ids[row], similarity)
    return [
        Hit(product, image, similarity, matched[product])
        for product, (image, similarity) in first.items()
    ]
