"""Exact search on FAISS: inner products of unit vectors are cosines."""

from pathlib import Path
from typing import Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from service.core.errors import IndexCorruptError
from service.core.types import Vectors


class FaissIndex:
    """A FAISS index that is searched, never changed; parallel searches are safe."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    def __len__(self) -> int:
        """Vectors held."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self._index.d)

    def search(
        self, vectors: Vectors, limit: int, rows: NDArray[np.bool_] | None = None
    ) -> tuple[Vectors, NDArray[np.int64]]:
        """Return similarities and row numbers, both (n, k), best first, of the rows marked."""
        depth = min(limit, len(self) if rows is None else int(np.count_nonzero(rows)))
        if not depth:  # FAISS asserts instead
            return np.empty((len(vectors), 0), np.float32), np.empty((len(vectors), 0), np.int64)
        parameters = selector = None
        if rows is not None:
            # Named until the search is over: the parameters alone would not keep it alive.
            selector = faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg, arg-type]
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        found: tuple[Vectors, NDArray[np.int64]] = self._index.search(
            np.ascontiguousarray(vectors, dtype=np.float32), depth, params=parameters
        )
        return found

    def way(self, limit: int, kept: int) -> Literal["scan", "selector"]:
        """Say how a search among marked rows goes; a flat index compares with these alone."""
        return "selector"


class FlatBuilder:
    """Collects vectors into an exact index and writes it to a file."""

    factory = "Flat"

    def __init__(self, dim: int) -> None:
        self._index = faiss.index_factory(dim, self.factory, faiss.METRIC_INNER_PRODUCT)

    def add(self, vectors: Vectors) -> None:
        """Append (n, dim) unit vectors."""
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def write(self, path: Path) -> None:
        """Write the index; raises OSError."""
        # Through a file of ours: FAISS only prints when closing its own fails, as on a full disk.
        with path.open("wb") as file:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def read_index(path: Path) -> FaissIndex:
    """Read an index.

    Raises:
        IndexCorruptError: FAISS cannot read the file.
    """
    try:
        return FaissIndex(faiss.read_index(str(path)))
    except RuntimeError as exc:
        raise IndexCorruptError(f"{path} cannot be read: run `vitrine reindex` again") from exc
