"""How hard must an index look: held-out queries -> every point measured against exact search.

rows of the index -> queries that are not among them (`held_out`)
depth x (ef_search | nprobe), rising -> recall@10, at least, ms a query -> operating points
"""

import time
from collections.abc import Iterator

import numpy as np

from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors
from service.adapters.held_out import HeldOut, hold_out
from service.core.manifest import OperatingPoint, SearchPoint
from service.core.operating_points import at_least, recalls

QUERIES = 512
_QUERIES_OF_ALL = 64
"""Of an index that compares with every row: what is measured is its time, which takes long."""
_EF_SEARCH = (16, 32, 64, 128, 256, 512, 1024)
_NPROBE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
_DEPTH = (2, 4, 8, 16, 32, 64)
_SETTLED = 0.002
"""A knob that was doubled for less recall than this will not bring the rest."""


def sweep(index: FaissIndex, vectors: HalfVectors, target_recall: float) -> list[OperatingPoint]:
    """Measure points of rising effort until one promises the target, at every depth.

    Args:
        index: What is measured, on one thread.
        vectors: The rows it was built from.
        target_recall: Recall@10 at which a ladder need not be climbed further.
    """
    if not len(vectors):
        return [OperatingPoint(search=SearchPoint(), recall=1.0, milliseconds=0.0)]
    held = hold_out(vectors, QUERIES if index.knobs else _QUERIES_OF_ALL)
    measured = []
    for rungs in _ladders(index):
        before = 0.0
        for search in rungs:
            point = _measure(index.at(search), vectors, held, search)
            measured.append(point)
            if point.promised >= target_recall or (before and point.recall - before < _SETTLED):
                break
            before = point.recall
    return measured


def _ladders(index: FaissIndex) -> Iterator[list[SearchPoint]]:
    """Yield points of rising effort: for every depth, or of the depth where that is all."""
    depths = _DEPTH if "depth" in index.knobs else (1,)
    if "ef_search" in index.knobs:
        for depth in depths:
            yield [SearchPoint(ef_search=ef, depth=depth) for ef in _EF_SEARCH]
    elif "nprobe" in index.knobs:
        probes = [n for n in _NPROBE if n < index.lists] + [index.lists]
        for depth in depths:
            yield [SearchPoint(nprobe=n, depth=depth) for n in probes]
    else:
        yield [SearchPoint(depth=depth) for depth in depths]


def _measure(
    index: FaissIndex, vectors: HalfVectors, held: HeldOut, search: SearchPoint
) -> OperatingPoint:
    """Search for both samples; what is told of recall is that of the worse."""
    start = time.thread_time()  # of the processor: what else the machine does is no matter
    found = [index.search(query[np.newaxis], held.true.shape[1])[1][0] for query in held.turned]
    seconds = time.thread_time() - start
    samples = [recalls(vectors.similarities(held.turned, np.stack(found)), held.true)]
    if held.near.shape[1]:
        samples.append(recalls(index.others(held.rows, held.near.shape[1]), held.near))
    least, worse = min(((at_least(each), each) for each in samples), key=lambda pair: pair[0])
    return OperatingPoint(
        search=search,
        recall=round(float(worse.mean()), 4),
        recall_at_least=round(least, 4),
        milliseconds=round(1000 * seconds / len(held), 4),
    )
