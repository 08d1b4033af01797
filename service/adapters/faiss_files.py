"""FAISS index files: half floats -> trained -> filled -> written; read back by memory map."""

import os
from pathlib import Path

import faiss
import numpy as np

from service.adapters.faiss_finders import BinaryFinder, Finder, FloatFinder, signs
from service.adapters.half_vectors import HalfVectors
from service.adapters.index_kinds import BINARY
from service.core.errors import IndexChoiceError, IndexCorruptError
from service.core.types import Vectors

_POINTS_PER_LIST = 40
_MIN_SAMPLE = 20_000
_SEED = 0


def build_index(factory: str, vectors: HalfVectors, path: Path) -> None:
    """Build an index of vectors and write it, using every core.

    Args:
        factory: FAISS's name of the kind, or `Binary`.
        vectors: What it holds, in this order.
        path: The file.

    Raises:
        IndexChoiceError: FAISS cannot build this kind, or not of so few vectors.
        OSError: The file cannot be written.
    """
    if factory == BINARY:
        _write_binary(vectors, path)
        return
    faiss.omp_set_num_threads(building_threads())
    try:
        index = faiss.index_factory(vectors.dim, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(_sample(index, vectors))
        for block in vectors.blocks():
            index.add(block)
    except RuntimeError as exc:
        reason = str(exc).rpartition("Error: ")[2].strip()
        raise IndexChoiceError(
            f"an index {factory} of {len(vectors):,} vectors cannot be built: {reason}; "
            "choose another by --index"
        ) from exc
    # Through a file of ours: FAISS only prints when closing its own fails, as on a full disk.
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def read_finder(path: Path, factory: str, dim: int) -> Finder:
    """Map an index into memory, as far as FAISS can map its kind.

    Raises:
        IndexCorruptError: FAISS cannot read the file.
    """
    try:
        if factory == BINARY:
            binary = faiss.read_index_binary(str(path), faiss.IO_FLAG_MMAP_IFC)
            return BinaryFinder(binary, dim)
        return FloatFinder(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))
    except RuntimeError as exc:
        raise IndexCorruptError(f"{path} cannot be read: run `vitrine reindex` again") from exc


def _write_binary(vectors: HalfVectors, path: Path) -> None:
    index = faiss.IndexBinaryFlat(8 * ((vectors.dim + 7) // 8))
    for block in vectors.blocks():
        index.add(signs(block))
    with path.open("wb") as file:
        faiss.write_index_binary(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def _sample(index: faiss.Index, vectors: HalfVectors) -> Vectors:
    """Take a seeded sample, as large as k-means of so many lists asks for."""
    ivf = faiss.try_extract_index_ivf(index)
    wanted = max(_MIN_SAMPLE, _POINTS_PER_LIST * ivf.nlist if ivf else 0)
    if wanted >= len(vectors):
        return vectors.take(slice(None))
    chosen = np.random.default_rng(_SEED).choice(len(vectors), wanted, replace=False)
    return vectors.take(np.sort(chosen))


def building_threads() -> int:
    """Cores to build on; a search in this thread may have set FAISS to one."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
