"""Search that is exact at the end: candidates -> rescored with the half floats -> nearest rows.

    queries -> find (graph, lists, codes or signs) -> depth * limit candidates
            -> exact cosines of these, where codes are lossy -> limit rows
            -> too few? -> looked for harder -> still too few? -> exact scan

Effort travels per call, so that one loaded index serves any point, and filters raise it.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.adapters.faiss_finders import Finder, Found
from service.adapters.half_vectors import HalfVectors
from service.core.manifest import SearchPoint
from service.core.types import Vectors

EXACT_ROWS = 20_000
"""A filter that keeps no more rows is answered by reading them."""
_MOST_EFFORT = 64
_HARDER = (4, 16, 64)
"""By how much more is looked where too few rows were found, before all are read."""


class FaissIndex:
    """An index that is searched, never changed; parallel searches are safe."""

    def __init__(
        self,
        finder: Finder,
        vectors: HalfVectors,
        point: SearchPoint,
        *,
        exact_rows: int = EXACT_ROWS,
    ) -> None:
        """Join an index with the vectors it was built from.

        Args:
            finder: What holds the codes.
            vectors: The same rows, for rescoring and exact search.
            point: How hard to look without a filter.
            exact_rows: Filters that keep fewer rows are answered exactly.
        """
        self._finder = finder
        self._vectors = vectors
        self._point = point
        self._exact_rows = exact_rows
        # Both are asked for by every search, and neither changes.
        self._count = len(finder)
        self._knobs = finder.knobs | ({"depth"} if finder.lossy else set())

    def __len__(self) -> int:
        """Vectors held."""
        return self._count

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._finder.dim

    @property
    def knobs(self) -> frozenset[str]:
        """Which fields of a `SearchPoint` matter to this index."""
        return self._knobs

    @property
    def lists(self) -> int:
        """Lists of an inverted file, else 0."""
        return self._finder.lists

    def at(self, point: SearchPoint) -> "FaissIndex":
        """Return the same index looking as hard as this."""
        return FaissIndex(self._finder, self._vectors, point, exact_rows=self._exact_rows)

    def search(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return similarities and row numbers, both (n, min(limit, rows there are)), best first."""
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        kept = len(self) if rows is None else int(np.count_nonzero(rows))
        wanted = min(limit, kept)
        if not wanted:  # FAISS asserts instead
            n = len(queries)
            return np.empty((n, 0), np.float32), np.empty((n, 0), np.int64)
        if rows is None:
            point, scans = self._point, self._scans(wanted, kept)
        else:
            point, scans = eased(self._point, kept / len(self)), self.way(limit, kept) == "scan"
        if scans:
            return self._vectors.search(queries, wanted, rows)
        similarities, found = self._look(queries, wanted, point, rows)
        for harder in _HARDER:
            short = np.flatnonzero(found[:, -1] < 0)
            if not len(short):
                return similarities, found
            again = self._look(queries[short], wanted, eased(point, 1 / harder), rows)
            similarities[short], found[short] = again
        short = np.flatnonzero(found[:, -1] < 0)
        if len(short):
            similarities[short], found[short] = self._vectors.search(queries[short], wanted, rows)
        return similarities, found

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how `search` goes about `kept` marked rows: reads each, or selects as it looks."""
        few = bool(self._knobs) and kept <= self._exact_rows
        return "scan" if few or self._scans(min(limit, kept), kept) else "selector"

    def _scans(self, wanted: int, kept: int) -> bool:
        """Whether so much is wanted that comparing with every row is no more work."""
        depth = self._point.depth if self._finder.lossy else 1
        return bool(self._knobs) and 2 * wanted * depth >= kept

    def _look(
        self, queries: Vectors, wanted: int, point: SearchPoint, rows: NDArray[np.bool_] | None
    ) -> Found:
        """Look once, as hard as the point says; rows of -1, which come last, were not found."""
        if not self._finder.lossy:
            similarities, found = self._finder.find(queries, wanted, point, rows)
            # Half floats have not quite unit length, and no cosine is beyond 1.
            return np.minimum(similarities, np.float32(1), out=similarities), found
        _, found = self._finder.find(queries, wanted * point.depth, point, rows)
        exact = self._vectors.similarities(queries, found)
        order = np.argsort(-exact, axis=1, kind="stable")[:, :wanted]
        return np.take_along_axis(exact, order, 1), np.take_along_axis(found, order, 1)


def eased(point: SearchPoint, selectivity: float) -> SearchPoint:
    """Return a point that looks harder, as a filter that keeps a share of the rows needs.

    Of what an index looks at, only this share may be found, so it must look at as many times more.
    """
    factor = min(1 / selectivity, _MOST_EFFORT)

    def raised(knob: int | None) -> int | None:
        return None if knob is None else int(np.ceil(knob * factor))

    return SearchPoint(
        ef_search=raised(point.ef_search), nprobe=raised(point.nprobe), depth=point.depth
    )
