"""How hard must an index look: held-out queries -> every point measured against exact search.

    rows of the index -> turned away from themselves -> queries -> exact neighbours
    depth x (ef_search | nprobe), rising -> recall@10, ms a query -> operating points

A stored vector asked for as it is would find itself, and its neighbours by its own links: too easy.
So is one with noise in all dimensions, for pictures differ in few. Each query is therefore a row
turned along the difference between two of its ten neighbours, to the cosine that rows have to their
nearest neighbour at the median: it lies among its like, as far from the index as rows are from each
other.
"""

import time
from collections.abc import Iterator

import numpy as np

from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors
from service.core.manifest import OperatingPoint, SearchPoint
from service.core.operating_points import recall
from service.core.types import Vectors

QUERIES = 256
K = 10
_SEED = 1
_EF_SEARCH = (16, 32, 64, 128, 256, 512, 1024)
_NPROBE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_DEPTH = (2, 4, 8, 16, 32, 64)
_SETTLED = 0.002
"""A knob that was doubled for less recall than this will not bring the rest."""


def sweep(index: FaissIndex, vectors: HalfVectors, target_recall: float) -> list[OperatingPoint]:
    """Measure points of rising effort until the target is reached, at every depth.

    Args:
        index: What is measured, on one thread.
        vectors: The rows it was built from.
        target_recall: Recall@10 at which a ladder need not be climbed further.
    """
    if not len(vectors):
        return [OperatingPoint(search=SearchPoint(), recall=1.0, milliseconds=0.0)]
    queries = held_out(vectors, min(QUERIES, len(vectors)))
    true, _ = vectors.search(queries, min(K, len(vectors)))
    measured = []
    for rungs in _ladders(index):
        before = 0.0
        for point in rungs:
            measured.append(_measure(index.at(point), vectors, queries, true, point))
            reached = measured[-1].recall
            if reached >= target_recall or (before and reached - before < _SETTLED):
                break
            before = reached
    return measured


def held_out(vectors: HalfVectors, count: int, seed: int = _SEED) -> Vectors:
    """Return (count, dim) unit vectors that resemble those of the index but are not among them."""
    rng = np.random.default_rng(seed)
    sampled = vectors.take(np.sort(rng.choice(len(vectors), count, replace=False)))
    similarities, rows = vectors.search(sampled, min(K + 1, len(vectors)))
    closeness = float(np.clip(np.median(similarities[:, min(1, rows.shape[1] - 1)]), 0.0, 0.999))
    pairs = rng.permuted(rows[:, 1:], axis=1)[:, :2]
    if pairs.shape[1] == 2:
        away = vectors.take(pairs[:, 0]) - vectors.take(pairs[:, 1])
    else:
        away = np.zeros_like(sampled)
    # Copies of one picture differ in nothing; a little noise gives these a direction too.
    away += 1e-3 * rng.normal(size=sampled.shape).astype(np.float32)
    away -= np.einsum("nd,nd->n", away, sampled)[:, np.newaxis] * sampled
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), np.float32(1e-12))
    turned: Vectors = closeness * sampled + np.sqrt(1 - closeness**2) * away
    return turned.astype(np.float32)


def _ladders(index: FaissIndex) -> Iterator[list[SearchPoint]]:
    """Yield, for every depth, points of rising effort."""
    for depth in _DEPTH if "depth" in index.knobs else (1,):
        if "ef_search" in index.knobs:
            yield [SearchPoint(ef_search=ef, depth=depth) for ef in _EF_SEARCH]
        elif "nprobe" in index.knobs:
            probes = [n for n in _NPROBE if n < index.lists] + [index.lists]
            yield [SearchPoint(nprobe=n, depth=depth) for n in probes]
        else:
            yield [SearchPoint(depth=depth)]


def _measure(
    index: FaissIndex, vectors: HalfVectors, queries: Vectors, true: Vectors, point: SearchPoint
) -> OperatingPoint:
    start = time.thread_time()  # of the processor: what else the machine does is no matter
    found = [index.search(query[np.newaxis], true.shape[1])[1][0] for query in queries]
    seconds = time.thread_time() - start
    return OperatingPoint(
        search=point,
        recall=round(recall(vectors.similarities(queries, np.stack(found)), true), 4),
        milliseconds=round(1000 * seconds / len(queries), 4),
    )
