"""FAISS index files: half floats -> trained -> filled -> written; read back by memory map.

Lists and graphs are built on a GPU where there is one (`faiss_gpu`); the files are the same.
"""

import os
from contextlib import nullcontext
from pathlib import Path

import faiss
import numpy as np
import structlog

from service.adapters import faiss_gpu
from service.adapters.faiss_finders import BinaryFinder, Finder, FloatFinder, signs
from service.adapters.half_vectors import HalfVectors
from service.adapters.index_kinds import BINARY
from service.core.cores import core_count
from service.core.errors import IndexChoiceError, IndexCorruptError
from service.core.index_choice import BuildOn
from service.core.types import Vectors

_POINTS_PER_LIST = 40
_MIN_SAMPLE = 20_000
_SEED = 0
_log = structlog.get_logger()


def build_index(
    factory: str, vectors: HalfVectors, path: Path, build_on: BuildOn = BuildOn.CPU
) -> BuildOn:
    """Build an index of vectors and write it, using every core and perhaps a GPU.

    Args:
        factory: FAISS's name of the kind, or `Binary`.
        vectors: What it holds, in this order.
        path: The file.
        build_on: What to build on.

    Returns:
        What built it: the GPU if any part was.

    Raises:
        IndexChoiceError: FAISS cannot build this kind, or not of so few vectors, or not on what
            was asked for.
        OSError: The file cannot be written.
    """
    on_gpu = faiss_gpu.use_gpu(build_on)
    if factory == BINARY:
        _write_binary(vectors, path)
        return _built(BuildOn.CPU, build_on, factory)
    faiss.omp_set_num_threads(building_threads())
    try:
        index, built_on = _filled(factory, vectors, build_on, on_gpu=on_gpu)
    except (RuntimeError, MemoryError) as exc:
        reason = str(exc).rpartition("Error: ")[2].strip()
        raise IndexChoiceError(
            f"an index {factory} of {len(vectors):,} vectors cannot be built: {reason}; "
            "choose another by --index"
        ) from exc
    # Through a file of ours: FAISS only prints when closing its own fails, as on a full disk.
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]
    return _built(built_on, build_on, factory)


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


def _filled(
    factory: str, vectors: HalfVectors, build_on: BuildOn, *, on_gpu: bool
) -> tuple[faiss.Index, BuildOn]:
    """Build in memory; where only `auto` chose the GPU and that fails, on the CPU after all."""
    try:
        return _fill(factory, vectors, on_gpu=on_gpu)
    except (RuntimeError, MemoryError) as exc:
        if not on_gpu or build_on == BuildOn.GPU:
            raise
        _log.warning("index not built on the GPU", factory=factory, reason=str(exc))
        return _fill(factory, vectors, on_gpu=False)


def _fill(factory: str, vectors: HalfVectors, *, on_gpu: bool) -> tuple[faiss.Index, BuildOn]:
    index = faiss.index_factory(vectors.dim, factory, faiss.METRIC_INNER_PRODUCT)
    lists = faiss.try_extract_index_ivf(index) if on_gpu else None
    if not index.is_trained:
        with faiss_gpu.lists_on_gpu(lists) if lists else nullcontext():
            index.train(_sample(index, vectors))
    graph = faiss.downcast_index(index)
    linked = on_gpu and isinstance(graph, faiss.IndexHNSW)
    if linked and len(vectors) >= faiss_gpu.FEWEST_IN_A_GRAPH:
        faiss_gpu.fill_graph(graph, vectors)
        return index, BuildOn.GPU
    for block in vectors.blocks():
        index.add(block)
    return index, BuildOn.GPU if lists else BuildOn.CPU


def _built(built_on: BuildOn, asked: BuildOn, factory: str) -> BuildOn:
    """Return what built it, and say so where the GPU was asked for and had nothing to do."""
    if asked == BuildOn.GPU and built_on == BuildOn.CPU:
        _log.warning("index built on the CPU: a GPU does nothing for it", factory=factory)
    return built_on


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
    return int(os.environ.get("OMP_NUM_THREADS") or core_count())
