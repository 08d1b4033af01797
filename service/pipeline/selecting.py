"""A query vector to the products to show, as the options of the search want them.

    filter's rows -> nearest rows -> best picture per product -> excluded and unlike ones dropped
                  -> copies collapsed -> diversified -> a page of hits; facets over the candidates

Each step may drop products, so more are asked for until the page is full or there are no more.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.core.filters import Filter
from service.core.overlay import LiveView
from service.core.ranking import Ranked, best_per_product, collapse, diversified
from service.core.types import Hit, Vectors
from service.pipeline.facets import Facet, count_facets
from service.pipeline.filtering import Kept

CANDIDATES = 200
"""Products, at least, that facets count and that diversity chooses from."""
_COMPARED = 2
_UNREAD: Vectors = np.empty((0, 0), np.float32)
_ALONE: Mapping[int, Sequence[int]] = {}


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


@dataclass(frozen=True, slots=True)
class _Left:
    """What may be shown.

    Attributes:
        near: Products near enough.
        vectors: (len(near), dim) of their pictures, if these are to be compared.
        groups: Places of those left when copies are one, each with the places it stands for.
    """

    near: Ranked
    vectors: Vectors
    groups: Mapping[int, Sequence[int]]


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
        candidates = _without(snapshot, found, options.exclude_ids)
        near = candidates
        if options.min_similarity > -math.inf:  # compared as a double, which is what was sent
            near = near.take(near.similarities >= np.float64(options.min_similarity))
        left = _left(snapshot, near, options)
        if len(left.groups) >= last or len(found) < asked or len(near) < len(candidates):
            break
        pool *= 2
    facets = {}
    if options.facets:
        products = snapshot.product_rows[near.rows[:CANDIDATES]]
        facets = count_facets(snapshot.fields, options.facets, products)
    return Selected(
        hits=_hits(snapshot, near, _page(left, options, last), left.groups),
        nearest=_hits(snapshot, candidates, range(min(_COMPARED, len(candidates)))),
        facets=facets,
        plan=_plan(snapshot, kept, depth, len(near)),
    )


def nearest_products(
    snapshot: LiveView, vector: NDArray[np.float32], limit: int, kept: Kept | None = None
) -> list[Hit]:
    """Return up to `limit` distinct products, nearest first."""
    found, _ = _nearest(snapshot, vector, limit, kept)
    return _hits(snapshot, found, range(len(found)))


def _nearest(
    snapshot: LiveView, vector: NDArray[np.float32], limit: int, kept: Kept | None
) -> tuple[Ranked, int]:
    """Ask for more rows until there are `limit` products; return these, and the rows asked for."""
    rows = kept.count if kept else snapshot.rows
    marked = kept.rows if kept and kept.count < snapshot.rows else None
    # No more rows than these can be of products that were found before.
    further = rows - (kept.products if kept else snapshot.products)
    wanted = limit + min(limit, further)
    while rows:
        found = snapshot.index.search(vector[np.newaxis], min(wanted, rows), marked)
        (similarities,), (numbers,) = found
        ranked = best_per_product(similarities, numbers, snapshot.product_rows[numbers], limit)
        if len(ranked) >= limit or wanted >= rows:
            return ranked, wanted
        wanted *= 4
    return Ranked(np.empty(0, np.float32), np.empty(0, np.int64), np.empty(0, np.int64)), 0


def _without(snapshot: LiveView, found: Ranked, unwanted: Collection[str]) -> Ranked:
    if not unwanted:
        return found
    ids = snapshot.product_ids
    return found.take(np.array([ids[row] not in unwanted for row in found.rows.tolist()], np.bool_))


def _left(snapshot: LiveView, near: Ranked, options: SearchOptions) -> _Left:
    if options.collapse is None and not options.diversity:
        return _Left(near, _UNREAD, dict.fromkeys(range(len(near)), ()))
    vectors = snapshot.vectors.take(near.rows)
    if options.collapse is None:
        return _Left(near, vectors, dict.fromkeys(range(len(near)), ()))
    rows, images = near.rows.tolist(), snapshot.image_ids
    groups = collapse(vectors, options.collapse, lambda place: images[rows[place]])
    return _Left(near, vectors, groups)


def _page(left: _Left, options: SearchOptions, last: int) -> list[int]:
    """Return the places to show, in order."""
    places = list(left.groups)
    if options.diversity:
        places = places[: max(last, CANDIDATES)]
        similarities, vectors = left.near.similarities[places], left.vectors[places]
        places = [places[i] for i in diversified(similarities, vectors, options.diversity, last)]
    return places[options.offset : last]


def _hits(
    snapshot: LiveView,
    found: Ranked,
    places: Iterable[int],
    groups: Mapping[int, Sequence[int]] = _ALONE,
) -> list[Hit]:
    """Read who the products at some places are, and those that they stand for."""
    images, ids, rows = snapshot.image_ids, snapshot.product_ids, found.rows.tolist()
    similarities, matched = found.similarities.tolist(), found.matched.tolist()
    return [
        Hit(
            product_id=ids[rows[place]],
            image_id=images[rows[place]],
            similarity=similarities[place],
            matched_images=matched[place],
            row=rows[place],
            duplicates=tuple([ids[rows[other]] for other in groups.get(place, ())]),
        )
        for place in places
    ]


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
