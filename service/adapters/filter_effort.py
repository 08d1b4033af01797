"""How much harder an index must look under a filter: by what it keeps in all, and near the query.

    a query -> its neighbours, of all rows -> how many of them are kept -> times the effort
                                                                       -> or all kept rows read

A filter is seldom spread evenly. Of a shirt's neighbours a filter for shirts keeps nearly all, so
that nothing need be looked for harder; one for shoes keeps none, and its answers are far beyond
what an index looks at on the way to shirts.
"""

import numpy as np
from numpy.typing import NDArray

from service.core.manifest import SearchPoint

NEAR = 64
"""Neighbours that are asked about."""
_PRIOR = 2
"""Neighbours that the filter's share among all rows stands for, where few are found or none."""
_MOST, _MOST_DEEPER = 256, 8
_ROWS_A_STEP = 16
"""Reading so many rows takes as long as a graph takes for one more of efSearch (docs/scale.md)."""


def times_harder(kept_near: NDArray[np.bool_], share: float, ef_search: int | None) -> list[float]:
    """Return by how much to multiply the effort of n queries.

    Lists cost less the more of them are looked into, for what is not kept is hardly read. A graph
    costs more; one that looks hard already, for its own sake, is raised by the geometric mean of
    what is kept nearby and in all, and so far at least that it would pass the first rows kept.

    Args:
        kept_near: (n, m) which neighbours of each query are kept.
        share: Of all rows, that are kept.
        ef_search: Of a graph without a filter; None for lists.
    """
    near = (kept_near.sum(axis=1) + _PRIOR * share) / (kept_near.shape[1] + _PRIOR)
    if ef_search is None:
        return [float(times) for times in np.clip(1 / near, 1, _MOST)]
    passed = min(ef_search, NEAR) / ef_search / near
    return [float(times) for times in np.maximum(np.sqrt(1 / (near * share)), passed)]


def harder(point: SearchPoint, times: float) -> SearchPoint:
    """Return a point of so many times the effort; of candidates, the root as many.

    What is far from a query differs little in its distance, so that codes put it in order worse.
    """

    def raised(knob: int | None) -> int | None:
        return None if knob is None else int(np.ceil(knob * times))

    deeper = min(np.sqrt(times), _MOST_DEEPER)
    return SearchPoint(
        ef_search=raised(point.ef_search),
        nprobe=raised(point.nprobe),
        depth=int(np.ceil(point.depth * deeper)),
    )


def reading_is_less(point: SearchPoint, kept: int) -> bool:
    """Whether reading all rows that are kept is no more work than looking so hard in a graph."""
    return point.ef_search is not None and _ROWS_A_STEP * point.ef_search >= kept


def heeded(point: SearchPoint, knobs: frozenset[str]) -> SearchPoint:
    """Return what an index heeds of a point, with FAISS's defaults where it says nothing."""
    return SearchPoint(
        ef_search=(point.ef_search or 16) if "ef_search" in knobs else None,
        nprobe=(point.nprobe or 1) if "nprobe" in knobs else None,
        depth=point.depth,
    )
