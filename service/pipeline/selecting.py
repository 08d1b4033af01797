"""A query vector to the products to show, as the options of the search want them.

    filter's rows -> nearest rows -> best picture per product -> excluded and unlike ones dropped
                  -> copies collapsed -> diversified -> a page of hits; facets over the candidates

Each step may drop products, so more are asked for until the page is full or there are no more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.core.filters import Filter
from service.core.overlay import LiveView
from service.core.ranking import best_per_product, collapse, diversified
from service.core.types import Hit, Vectors
from service.pipeline.facets import Facet, count_facets
from service.pipeline.filtering import Kept

CANDIDATES = 200
"""Products, at least, that facets count and that diversity chooses from."""
_COMPARED = 2


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Which products are wanted, and in what order.

    Attributes:
        filter: What their fields must say.
        facets: Fields to count over the nearest `CANDIDATES` products that match.
        diversity: 0 orders by similarity alone, 1 by difference from those before.
        collapse: Products whose pictures' cosine is at least this are shown as one; None for all.
        exclude_ids: Products that are not wanted.
        offset: Products to pass over, as shown before.
        min_similarity: Cosine below which a product is no result.
    """

    filter: Filter = field(default_factory=Filter)
    facets: tuple[str, ...] = ()
    diversity: float = 0.0
    collapse: float | None = None
    exclude_ids: frozenset[str] = frozenset()
    offset: int = 0
    min_similarity: float = -math.inf


PLAIN = SearchOptions()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a filter was answered.

    Attributes:
        way: The filter keeps `none` or `all`; else, as the index alone decides, it read each of the
            rows kept (`scan`), or told them apart while searching (`selector`).
        rows: Pictures in the index.
        kept_rows: Those of products that match.
        products: Products in the index.
        kept_products: Those that match.
        candidates: Products that were ranked.
    """

    way: Literal["all", "none", "scan", "selector"]
    rows: int
    kept_rows: int
    products: int
    kept_products: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Selected:
    """The hits to show, best first, with their facets and how they were come by.

    Attributes:
        nearest: The two nearest of all that could be shown, be they shown or not.
    """

    hits: list[Hit]
    nearest: list[Hit]
    facets: dict[str, Facet]
    plan: Plan


def select(
    snapshot: LiveView,
    vector: NDArray[np.float32],
    limit: int,
    options: SearchOptions = PLAIN,
    kept: Kept | None = None,
) -> Selected:
    """Choose `limit` products, or as many as there are, for a (dim,) unit vector.

    Args:
        snapshot: What to search.
        vector: The query.
        limit: Products wanted after the offset.
        options: Which, and in what order.
        kept: What the filter of the options leaves of this snapshot; None is all.

    Raises:
        InvalidFilterError: A facet is of no field.
    """
    last = options.offset + limit
    pool = max(last, CANDIDATES if options.diversity or options.facets else _COMPARED)
    while True:
        asked = pool + len(options.exclude_ids)
        found, depth = _nearest(snapshot, vector, asked, kept)
        candidates = [hit for hit in found if hit.product_id not in options.exclude_ids]
        near = [hit for hit in candidates if hit.similarity >= options.min_similarity]
        hits = near
        if options.collapse is not None:
            hits = collapse(near, _vectors(snapshot, near), options.collapse)
        if len(hits) >= last or len(found) < asked or len(near) < len(candidates):
            break
        pool *= 2
    counted = np.array([hit.row for hit in near[:CANDIDATES]], np.int64)
    facets = count_facets(snapshot.fields, options.facets, snapshot.product_rows[counted])
    if options.diversity:
        hits = _diversified(snapshot, hits[: max(last, CANDIDATES)], options.diversity, last)
    plan = _plan(snapshot, kept, depth, len(near))
    return Selected(hits[options.offset : last], candidates[:_COMPARED], facets, plan)


def nearest_products(
    snapshot: LiveView, vector: NDArray[np.float32], limit: int, kept: Kept | None = None
) -> list[Hit]:
    """Return up to `limit` distinct products, nearest first."""
    return _nearest(snapshot, vector, limit, kept)[0]


def _nearest(
    snapshot: LiveView, vector: NDArray[np.float32], limit: int, kept: Kept | None
) -> tuple[list[Hit], int]:
    """Ask for more rows until there are `limit` products; return these, and the rows asked for."""
    rows = kept.count if kept else snapshot.rows
    marked = kept.rows if kept and kept.count < snapshot.rows else None
    # No more rows than these can be of products that were found before.
    further = rows - (kept.products if kept else snapshot.products)
    wanted = limit + min(limit, further)
    while rows:
        found = snapshot.index.search(vector[np.newaxis], min(wanted, rows), marked)
        (similarities,), (numbers,) = found
        products = snapshot.product_rows[numbers]
        images, ids = snapshot.image_ids, snapshot.product_ids
        hits = best_per_product(similarities, numbers, products, images, ids, limit)
        if len(hits) >= limit or wanted >= rows:
            return hits, wanted
        wanted *= 4
    return [], 0


def _vectors(snapshot: LiveView, hits: Sequence[Hit]) -> Vectors:
    """Read the (len(hits), dim) vectors of their best pictures."""
    return snapshot.vectors.take(np.array([hit.row for hit in hits], np.int64))


def _diversified(
    snapshot: LiveView, hits: Sequence[Hit], diversity: float, count: int
) -> list[Hit]:
    similarities = np.array([hit.similarity for hit in hits], np.float32)
    order = diversified(similarities, _vectors(snapshot, hits), diversity, count)
    return [hits[place] for place in order]


def _plan(snapshot: LiveView, kept: Kept | None, depth: int, candidates: int) -> Plan:
    rows, products = snapshot.rows, snapshot.products
    kept_rows = kept.count if kept else rows
    way: Literal["all", "none", "scan", "selector"] = "all" if kept_rows else "none"
    if 0 < kept_rows < rows:
        way = snapshot.index.way(depth, kept_rows)  # as it answered the last time it was asked
    return Plan(
        way=way,
        rows=rows,
        kept_rows=kept_rows,
        products=products,
        kept_products=kept.products if kept else products,
        candidates=candidates,
    )
