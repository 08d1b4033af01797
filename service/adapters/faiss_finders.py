"""What FAISS finds: queries, a search point, marked rows -> rows that may be near, with scores.

point, rows -> SearchParameters of one call, nested as the index is -> index.search
"""

from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from service.core.manifest import SearchPoint
from service.core.types import Vectors

Found = tuple[Vectors, NDArray[np.int64]]
"""(n, k) scores and row numbers, best first."""
_untyped: Any = faiss  # whose stubs know neither keyword arguments nor arrays


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
    ) -> Found:
        """Return (n, limit) scores and rows, best first by the finder's own measure."""
        ...

    def read(self, queries: Vectors, limit: int, rows: NDArray[np.bool_]) -> Found | None:
        """Return the nearest of the marked rows, each of which is read; None where it cannot."""
        ...


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
        self._plain: dict[SearchPoint, Any] = {}
        self.lists = int(base.nlist) if isinstance(base, faiss.IndexIVF) else 0
        self.lossy = not _keeps_floats(base)
        # What a graph is over holds the vectors, and can be read without it.
        graph = faiss.downcast_index(index)
        self._storage: Any = None
        if isinstance(graph, faiss.IndexHNSW) and not self.lossy:
            self._storage = faiss.downcast_index(graph.storage)

    def __len__(self) -> int:
        """Vectors held."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._index.d)

    def find(
        self, queries: Vectors, limit: int, point: SearchPoint, rows: NDArray[np.bool_] | None
    ) -> Found:
        """Return (n, limit) inner products and rows, best first."""
        # A search has one thread of its caller's; FAISS keeps the number per thread.
        faiss.omp_set_num_threads(1)
        # Named until the search is over: the parameters alone would not keep it alive.
        selector = None if rows is None else _untyped.IDSelectorBitmap(_bits(rows))
        parameters = self.parameters(point, selector)
        found: Found = self._index.search(queries, limit, params=parameters)
        return found

    def read(self, queries: Vectors, limit: int, rows: NDArray[np.bool_]) -> Found | None:
        """Return (n, limit) inner products and rows, best first, of a graph's own vectors."""
        if self._storage is None:
            return None
        faiss.omp_set_num_threads(1)
        selector = _untyped.IDSelectorBitmap(_bits(rows))
        chosen = _untyped.SearchParameters(sel=selector)
        found: Found = self._storage.search(queries, limit, params=chosen)
        return found

    def parameters(self, point: SearchPoint, selector: faiss.IDSelector | None) -> Any:
        """Return FAISS's parameters of one call; those without a selector are made once."""
        if selector is not None:
            return _parameters(self._index, point, selector)
        if point not in self._plain:
            self._plain[point] = _parameters(self._index, point, None)
        return self._plain[point]


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
    ) -> Found:
        """Return (n, limit) negated Hamming distances and rows, best first."""
        faiss.omp_set_num_threads(1)
        selector = None if rows is None else _untyped.IDSelectorBitmap(_bits(rows))
        parameters = None if selector is None else _untyped.SearchParameters(sel=selector)
        distances, found = self._index.search(signs(queries), limit, params=parameters)
        return -distances.astype(np.float32), found

    def read(self, queries: Vectors, limit: int, rows: NDArray[np.bool_]) -> Found | None:
        """Return None: it keeps no more than signs."""
        return None


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
