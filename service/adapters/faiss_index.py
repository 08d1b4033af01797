"""Search that is exact at the end: candidates -> rescored with the half floats -> nearest rows.

    queries -> find (graph, lists, codes or signs) -> depth * limit candidates
            -> exact cosines of these, where codes are lossy -> limit rows
            -> too few? -> looked for harder -> still too few? -> exact scan

Effort travels per call, so that one loaded index serves any point, and filters raise it
(`filter_effort`).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.adapters.faiss_finders import Finder, Found
from service.adapters.filter_effort import (
    NEAR,
    harder,
    heeded,
    reading_is_less,
    times_harder,
)
from service.adapters.half_vectors import HalfVectors
from service.core.manifest import SearchPoint
from service.core.operating_points import K
from service.core.types import Vectors

EXACT_ROWS = 20_000
"""A filter that keeps no more rows is answered by reading them."""
_UNASKED = 8
"""By how much more is looked, for what is kept, where codes alone are in question."""
_PASSED_A_ROW = 150
"""Rows that FAISS passes over in what a row takes to be read as half floats by NumPy."""
_RESCORED_AT_ONCE = 8192
"""Candidates of several queries, whose floats are then some megabytes."""
_AGAIN = 4
"""By how much more is looked where too few rows were found."""


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
        self._point = heeded(point, finder.knobs)
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
        kept = self._count if rows is None else int(np.count_nonzero(rows))
        wanted, n = min(limit, kept), len(queries)
        if not wanted or not n:  # FAISS asserts instead
            return np.empty((n, wanted), np.float32), np.empty((n, wanted), np.int64)
        if self._scans(wanted, kept) or (rows is not None and self.way(limit, kept) == "scan"):
            return self._read(queries, wanted, rows, kept)
        if rows is None or not self._knobs:
            return self._fill(queries, wanted, self._point, rows, kept)
        similarities, found = np.empty((n, wanted), np.float32), np.empty((n, wanted), np.int64)
        for i, times in enumerate(self._times_harder(queries, rows, kept)):
            one, point = slice(i, i + 1), harder(self._point, times)
            if reading_is_less(point, kept):
                similarities[one], found[one] = self._read(queries[one], wanted, rows, kept)
            else:
                similarities[one], found[one] = self._fill(queries[one], wanted, point, rows, kept)
        return similarities, found

    def others(self, rows: NDArray[np.int64], limit: int) -> Vectors:
        """Return the (n, limit) cosines of what n rows of the index find but for themselves.

        Each looks as hard as the point says: at as many candidates as any query, besides itself.
        """
        reads = self._scans(limit, self._count)
        wanted = min((limit if reads else self._candidates(limit, self._point)) + 1, self._count)
        found = []
        for some in np.array_split(rows, max(1, len(rows) * wanted // _RESCORED_AT_ONCE)):
            queries = self._vectors.take(some)
            if reads:
                _, near = self._vectors.search(queries, wanted)
            else:
                _, near = self._finder.find(queries, wanted, self._point, None)
            near = np.where(near == some[:, np.newaxis], -1, near)
            exact = self._vectors.similarities(queries, near)
            found.append(-np.sort(-exact, axis=1)[:, :limit])
        return np.concatenate(found)

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how `search` goes about `kept` marked rows: reads each, or selects as it looks.

        Where it selects, it still reads each for a query of which all that is near is kept away.
        """
        few = bool(self._knobs) and kept <= self._exact_rows
        return "scan" if few or self._scans(min(limit, kept), kept) else "selector"

    def _scans(self, wanted: int, kept: int) -> bool:
        """Whether so much is wanted that comparing with every row is no more work."""
        return bool(self._knobs) and 2 * self._candidates(wanted, self._point) >= kept

    def _candidates(self, wanted: int, point: SearchPoint) -> int:
        """Rows to find and rescore; as many for few results as for those recall is measured at."""
        return max(wanted, K) * point.depth if self._finder.lossy else wanted

    def _times_harder(self, queries: Vectors, rows: NDArray[np.bool_], kept: int) -> list[float]:
        """Ask for each query's neighbours, kept or not, and return how much harder to look."""
        if not self._finder.knobs:  # it compares with every code that is kept
            return [_UNASKED * self._count / kept] * len(queries)
        effort = self._point.ef_search
        point = SearchPoint(ef_search=NEAR) if effort else self._point
        _, near = self._finder.find(queries, min(NEAR, self._count), point, None)
        return times_harder(rows[near] & (near >= 0), kept / self._count, effort)

    def _fill(
        self,
        queries: Vectors,
        wanted: int,
        point: SearchPoint,
        rows: NDArray[np.bool_] | None,
        kept: int,
    ) -> Found:
        """Look, and harder where too few rows were found, until reading all of them is less."""
        similarities, found = self._look(queries, wanted, point, rows)
        if len(found) == 1 and found[0, -1] >= 0:  # as nearly always; a call of NumPy's is 1.4 us
            return similarities, found
        short = np.flatnonzero(found[:, -1] < 0)
        if len(short):
            saw_all = point.ef_search is None and (point.nprobe or 0) >= self.lists
            point = harder(point, _AGAIN)
            if saw_all or reading_is_less(point, kept):
                rest = self._read(queries[short], wanted, rows, kept)
            else:
                rest = self._fill(queries[short], wanted, point, rows, kept)
            similarities[short], found[short] = rest
        return similarities, found

    def _read(
        self, queries: Vectors, wanted: int, rows: NDArray[np.bool_] | None, kept: int
    ) -> Found:
        """Read every marked row; FAISS does that in a fifth of the time, once it passed the rest.

        It reads them again for each query, where several share what is read of the half floats.
        """
        read = None
        if rows is not None and len(queries) == 1 and kept * _PASSED_A_ROW >= self._count:
            read = self._finder.read(queries, wanted, rows)
        if read is None:
            return self._vectors.search(queries, wanted, rows)
        similarities, found = read
        return np.minimum(similarities, np.float32(1), out=similarities), found

    def _look(
        self, queries: Vectors, wanted: int, point: SearchPoint, rows: NDArray[np.bool_] | None
    ) -> Found:
        """Look once, as hard as the point says; rows of -1, which come last, were not found."""
        if not self._finder.lossy:
            similarities, found = self._finder.find(queries, wanted, point, rows)
            # Half floats have not quite unit length, and no cosine is beyond 1.
            return np.minimum(similarities, np.float32(1), out=similarities), found
        _, found = self._finder.find(queries, self._candidates(wanted, point), point, rows)
        exact = self._vectors.similarities(queries, found)
        order = np.argsort(-exact, axis=1, kind="stable")[:, :wanted]
        return np.take_along_axis(exact, order, 1), np.take_along_axis(found, order, 1)
