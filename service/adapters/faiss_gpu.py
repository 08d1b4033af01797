"""Building on a GPU, where FAISS finds one; what comes of it is an index of the CPU's.

    lists   sample -> k-means whose distances the device computes -> centroids
    graph   vectors -> CAGRA on the device -> links of its lowest level, those above them on the CPU
                    -> an HNSW index, half floats beneath

CAGRA's own index of the CPU (`IndexHNSWCagra`) keeps whole floats. Its links are therefore moved
into the index that the CPU would have built: the same kind of file is written, as large, mapped as
well, and searched with the same parameters.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import faiss

from service.adapters.half_vectors import HalfVectors
from service.core.errors import IndexChoiceError
from service.core.index_choice import BuildOn
from service.core.types import Vectors

FEWEST_IN_A_GRAPH = 10_000
"""Of fewer the CPU makes a graph in a second or two, and CAGRA wants more than its neighbours."""
_DEVICE = 0
_untyped: Any = faiss  # whose stubs know little of graphs, and nothing of GPUs


def use_gpu(build_on: BuildOn) -> bool:
    """Whether to build on a GPU.

    Raises:
        IndexChoiceError: One was asked for, and FAISS finds none; the message says what it lacks.
    """
    if build_on == BuildOn.CPU:
        return False
    lacking = _lacking()
    if lacking and build_on == BuildOn.GPU:
        raise IndexChoiceError(
            f"VITRINE_INDEX_BUILD=gpu, but {lacking}; or let VITRINE_INDEX_BUILD be auto or cpu"
        )
    return not lacking


@contextmanager
def lists_on_gpu(ivf: faiss.IndexIVF) -> Iterator[None]:
    """Let k-means of an inverted file compute its distances on the GPU meanwhile."""
    resources = _untyped.StandardGpuResources()  # which what is on the device needs all along
    flat = faiss.IndexFlatIP(ivf.d)
    with clustering_by(ivf, _untyped.index_cpu_to_gpu(resources, _DEVICE, flat)):
        yield


@contextmanager
def clustering_by(ivf: Any, nearest: faiss.Index) -> Iterator[None]:
    """Let k-means of an inverted file find the nearest centroids by another index meanwhile."""
    ivf.clustering_index = nearest  # a pointer, which keeps nothing alive
    try:
        yield
    finally:
        ivf.clustering_index = None


def fill_graph(index: Any, vectors: HalfVectors) -> None:
    """Fill an empty, trained `IndexHNSW`; memory holds the vectors as floats twice meanwhile."""
    take_graph(index, _cagra(vectors, index.hnsw.nb_neighbors(0)), vectors.blocks())


def take_graph(index: Any, graph: Any, blocks: Iterable[Vectors]) -> None:
    """Move links into an index that keeps its vectors in a way of its own.

    Args:
        index: An `IndexHNSW`, empty and trained, with as many links a level as `graph`.
        graph: An `IndexHNSWCagra` of the same unit vectors, which distances order as cosines do.
        blocks: These vectors, in the same order.
    """
    index.hnsw = graph.hnsw
    index.hnsw.is_similarity = index.metric_type == faiss.METRIC_INNER_PRODUCT
    storage = faiss.downcast_index(index.storage)
    for block in blocks:
        storage.add(block)
    index.ntotal = storage.ntotal


def _cagra(vectors: HalfVectors, links: int) -> Any:
    config = _untyped.GpuIndexCagraConfig()
    config.device = _DEVICE
    config.graph_degree = links
    config.intermediate_graph_degree = 2 * links
    # Pictures lie in clusters, between which the nearest neighbours alone have no links.
    config.guarantee_connectivity = True
    resources = _untyped.StandardGpuResources()
    floats = vectors.take(slice(None))  # named, since what is on the device only points at it
    on_device = _untyped.GpuIndexCagra(resources, vectors.dim, faiss.METRIC_L2, config)
    on_device.train(floats)
    graph = _untyped.IndexHNSWCagra(vectors.dim, links // 2, faiss.METRIC_L2)
    graph.base_level_only = False
    on_device.copyTo(graph)
    return graph


def _lacking() -> str | None:
    """Say what a build on a GPU lacks here, if anything, and the way out."""
    if not hasattr(faiss, "StandardGpuResources"):
        return (
            "the installed FAISS has no GPU support: pip install 'vitrine[gpu]' in an environment "
            "without the other runtimes"
        )
    if not faiss.get_num_gpus():
        return "FAISS finds no GPU: `nvidia-smi` must list one, in a container `--gpus all`"
    return None
