"""Centralised vectors in place of a snapshot's own, before its index is built.

    vectors.f16.npy -> an index of the same kind -> swept -> neighbours of every row, in blocks
                    -> neighbours on disk, mapped -> centralised -> vectors.f16.npy

Neighbours are as good as the recall that the index is asked for. Memory holds the first index and
some blocks, however many rows there are.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from service.adapters.faiss_files import build_index, building_threads, read_finder
from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors, map_halves, write_halves
from service.adapters.index_sweep import sweep
from service.core.centralize import Neighbours, centralized, others
from service.core.index_choice import BuildOn, IndexChoice
from service.core.manifest import SearchPoint
from service.core.operating_points import choose

_BLOCK = 256
"""Rows asked for at once; of lossy codes each reads some hundred vectors to rescore."""


def centralize(
    path: Path, factory: str, choice: IndexChoice, build_on: BuildOn = BuildOn.CPU
) -> HalfVectors:
    """Replace the vectors in a file by centralised ones, and map them.

    Args:
        path: What `write_halves` wrote.
        factory: Kind of index that finds the neighbours, as `build_index` takes it.
        choice: How many neighbours, and at what recall.
        build_on: What that index is built on.

    Raises:
        IndexChoiceError: The index cannot be built of these vectors.
        OSError: The folder cannot be written.
    """
    vectors = map_halves(path)
    k = min(choice.centralize, len(vectors) - 1)
    if k < 1:
        return vectors
    first, near, moved = (path.with_name(f"{name}.tmp") for name in ("first", "near", "moved"))
    try:
        build_index(factory, vectors, first, build_on)
        index = FaissIndex(read_finder(first, factory, vectors.dim), vectors, SearchPoint())
        points = sweep(index, vectors, choice.target_recall)
        index = index.at(choose(points, choice.target_recall).search)
        _write_neighbours(near, index, vectors, k)
        neighbours = np.load(near, mmap_mode="r")
        write_halves(moved, centralized(neighbours, vectors.take), len(vectors), vectors.dim)
        moved.replace(path)
    finally:
        for left in (first, near, moved):
            left.unlink(missing_ok=True)
    return map_halves(path)


def _write_neighbours(path: Path, index: FaissIndex, vectors: HalfVectors, k: int) -> None:
    header = {"descr": "<i4", "fortran_order": False, "shape": (len(vectors), k)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in _neighbours(index, vectors, k):
            file.write(block.astype("<i4").tobytes())


def _neighbours(index: FaissIndex, vectors: HalfVectors, k: int) -> Iterator[Neighbours]:
    """Yield the neighbours of all rows in order, found on every core."""

    def of_block(first: int) -> Neighbours:
        rows = np.arange(first, min(first + _BLOCK, len(vectors)))
        _, found = index.search(vectors.take(rows), k + 1)
        return others(found, rows)

    with ThreadPoolExecutor(building_threads()) as pool:
        yield from pool.map(of_block, range(0, len(vectors), _BLOCK))
