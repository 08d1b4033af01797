"""Search on FAISS, exact at the end: candidates -> rescored with the half floats -> nearest rows.

    queries -> find (graph, lists, codes or signs) -> depth * limit candidates
            -> exact cosines of these, where codes are lossy -> limit rows
            -> too few? -> exact scan

Effort travels per call, so that one loaded index serves any point, and filters raise it.
"""

from typing import Any, Literal, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from service.adapters.half_vectors import HalfVectors
from service.core.manifest import SearchPoint
from service.core.types import Vectors

_untyped: Any = faiss  # whose stubs know neither keyword arguments nor arrays
_Found = tuple[Vectors, NDArray[np.int64]]
EXACT_ROWS = 20_000
"""A filter that keeps no more rows is answered by reading them: 10 ms at 256 dimensions."""
_MOST_EFFORT = 64


class Finder(Protocol):
    """Rows that may be near, -1 where no more were found.

    Attributes:
        lossy: Whether its scores are of codes, so that candidates must be rescored.
        knobs: Which fields of a `SearchPoint` it heeds.
        lists: Of an inverted file, else 0.
    """

    lossy: bool
    knobs: frozenset[str]
    lists: int

    def __len__(self) -> int:
        """Vectors held."""
        ...

    @property
    def dim(self) -> int:
        """Width of a vector."""
        ...

    def find(
        self, queries: Vectors, limit: int, point: SearchPoint, rows: NDArray[np.bool_] | None
    ) -> _Found:
        """Return (n, limit) scores and rows, best first by the finder's own measure."""
        ...


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

    def __len__(self) -> int:
        """Vectors held."""
        return len(self._finder)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._finder.dim

    @property
    def knobs(self) -> frozenset[str]:
        """Which fields of a `SearchPoint` matter to this index."""
        return self._finder.knobs | ({"depth"} if self._finder.lossy else set())

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
        depth = wanted * point.depth if self._finder.lossy else wanted
        similarities, found = self._finder.find(queries, depth, point, rows)
        if self._finder.lossy:
            similarities, found = self._rescored(queries, found, wanted)
        else:  # half floats have not quite unit length, and no cosine is beyond 1
            np.minimum(similarities, np.float32(1), out=similarities)
        return self._filled(queries, similarities, found, rows)

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how `search` goes about `kept` marked rows: reads each, or selects as it looks."""
        few = bool(self.knobs) and kept <= self._exact_rows
        return "scan" if few or self._scans(min(limit, kept), kept) else "selector"

    def _scans(self, wanted: int, kept: int) -> bool:
        """Whether so much is wanted that comparing with every row is no more work."""
        depth = self._point.depth if self._finder.lossy else 1
        return bool(self.knobs) and 2 * wanted * depth >= kept

    def _rescored(self, queries: Vectors, found: NDArray[np.int64], wanted: int) -> _Found:
        exact = self._vectors.similarities(queries, found)
        order = np.argsort(-exact, axis=1, kind="stable")[:, :wanted]
        return np.take_along_axis(exact, order, 1), np.take_along_axis(found, order, 1)

    def _filled(
        self,
        queries: Vectors,
        similarities: Vectors,
        found: NDArray[np.int64],
        rows: NDArray[np.bool_] | None,
    ) -> _Found:
        """Answer exactly the queries for which an inexact look found too few rows."""
        short = np.flatnonzero((found < 0).any(axis=1))
        if len(short):
            exact = self._vectors.search(queries[short], found.shape[1], rows)
            similarities[short], found[short] = exact
        return similarities, found


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


class FloatFinder:
    """Any float index of FAISS: a flat one, a graph, lists, and what is wrapped around these."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index  # owns what the downcast ones below only point at
        base = _base(faiss.downcast_index(index))
        knobs = set()
        if isinstance(base, faiss.IndexHNSW):
            knobs.add("ef_search")
        if isinstance(base, faiss.IndexIVF):
            knobs.add("nprobe")
        self.knobs = frozenset(knobs)
        self.lists = int(base.nlist) if isinstance(base, faiss.IndexIVF) else 0
        self.lossy = not _keeps_floats(base)

    def __len__(self) -> int:
        """Vectors held."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._index.d)

    def find(
        self, queries: Vectors, limit: int, point: SearchPoint, rows: NDArray[np.bool_] | None
    ) -> _Found:
        """Return (n, limit) inner products and rows, best first."""
        # A search has one thread of its caller's; FAISS keeps the number per thread.
        faiss.omp_set_num_threads(1)
        # Named until the search is over: the parameters alone would not keep it alive.
        selector = None if rows is None else _untyped.IDSelectorBitmap(_bits(rows))
        parameters = self.parameters(point, selector)
        found: _Found = self._index.search(queries, limit, params=parameters)
        return found

    def parameters(self, point: SearchPoint, selector: faiss.IDSelector | None) -> Any:
        """Return FAISS's parameters of one call."""
        return _parameters(self._index, point, selector)


class BinaryFinder:
    """One bit a dimension, its sign, compared by Hamming distance."""

    lossy = True
    knobs: frozenset[str] = frozenset()
    lists = 0

    def __init__(self, index: faiss.IndexBinary, dim: int) -> None:
        self._index = index
        self._dim = dim

    def __len__(self) -> int:
        """Vectors held."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Width of a vector, before it became bits."""
        return self._dim

    def find(
        self, queries: Vectors, limit: int, point: SearchPoint, rows: NDArray[np.bool_] | None
    ) -> _Found:
        """Return (n, limit) negated Hamming distances and rows, best first."""
        faiss.omp_set_num_threads(1)
        selector = None if rows is None else _untyped.IDSelectorBitmap(_bits(rows))
        parameters = None if selector is None else _untyped.SearchParameters(sel=selector)
        distances, found = self._index.search(signs(queries), limit, params=parameters)
        return -distances.astype(np.float32), found


def signs(vectors: Vectors) -> NDArray[np.uint8]:
    """Pack (n, dim) floats into (n, ceil(dim / 8)) bytes, a bit a dimension."""
    return np.packbits(vectors > 0, axis=1)


def _bits(rows: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(rows, bitorder="little")


def _base(index: faiss.Index) -> faiss.Index:
    """Return the index within its wrappers."""
    if isinstance(index, faiss.IndexPreTransform):
        return _base(faiss.downcast_index(index.index))
    if isinstance(index, faiss.IndexRefine):
        return _base(faiss.downcast_index(index.base_index))
    return index


def _keeps_floats(base: faiss.Index) -> bool:
    """Whether similarities are those of the vectors, to half floats at least."""
    storage = faiss.downcast_index(base.storage) if isinstance(base, faiss.IndexHNSW) else base
    if isinstance(storage, faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer):
        return storage.sq.qtype == faiss.ScalarQuantizer.QT_fp16
    return isinstance(storage, faiss.IndexFlat | faiss.IndexIVFFlat)


def _parameters(index: faiss.Index, point: SearchPoint, selector: faiss.IDSelector | None) -> Any:
    """Build the parameters of one call, nested as the index is."""
    index = faiss.downcast_index(index)
    chosen = {} if selector is None else {"sel": selector}
    if isinstance(index, faiss.IndexPreTransform):
        inner = _parameters(index.index, point, selector)
        return inner and _untyped.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, faiss.IndexRefine):
        inner = _parameters(index.base_index, point, selector)
        # The candidates are rescored from the half floats anyway, `depth` of them a result.
        return _untyped.IndexRefineSearchParameters(k_factor=1.0, base_index_params=inner)
    if isinstance(index, faiss.IndexIVF):
        return _untyped.SearchParametersIVF(nprobe=min(point.nprobe or 1, index.nlist), **chosen)
    if isinstance(index, faiss.IndexHNSW):
        return _untyped.SearchParametersHNSW(efSearch=point.ef_search or 16, **chosen)
    return _untyped.SearchParameters(**chosen) if chosen else None
