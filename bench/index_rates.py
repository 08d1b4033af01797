"""How quick and how right one index is, against FAISS alone and usearch; all on one thread.

    snapshot, fresh queries -> recall@10 against exact search
                            -> rounds of ours, raw FAISS, usearch in turn -> queries/s, their ratios
                            -> points around the one that serves -> a curve
                            -> masks of falling selectivity -> recall@10 and ms among what is kept

"Raw" is the same file, mapped by FAISS as ours is, and asked with the same parameters for as many
candidates; what it does with a copy of its own in memory is told beside.

Time is the processor's, which an idle machine's clock agrees with, and ratios are of one round, so
that what else a machine does weighs little.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from bench.usearch_beside import Beside
from service.adapters.faiss_files import read_finder
from service.adapters.faiss_finders import FloatFinder
from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors, map_halves
from service.adapters.index_kinds import BINARY
from service.core.manifest import SearchPoint, SnapshotManifest
from service.core.operating_points import recall
from service.core.types import Vectors

K = 10
_ROUNDS, _WARM_UP, _FILTERED = 11, 20, 100
_SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)
_AROUND = (0.25, 0.5, 1, 2, 4, 8)
Ask = Callable[[Vectors], object]
Marked = NDArray[np.bool_]


def rates(
    index: FaissIndex, raw: dict[str, Ask], beside: Beside | None, queries: Vectors
) -> dict[str, Any]:
    """Return queries/s of each, one query at a time, and the ratio to each of the others."""
    asked: dict[str, Ask] = {"ours": lambda query: index.search(query, K), **raw}
    if beside is not None:
        asked["usearch"] = beside.asked(K)
    rounds = [{name: _rate(ask, queries) for name, ask in asked.items()} for _ in range(_ROUNDS)]
    report: dict[str, Any] = {
        "queries_per_second": {
            name: round(statistics.median(each[name] for each in rounds), 1) for name in asked
        }
    }
    for name in asked.keys() - {"ours"}:
        ratios = [each["ours"] / each[name] for each in rounds]
        report[f"over_{name}"] = {
            "median": round(statistics.median(ratios), 3),
            "rounds": [round(ratio, 3) for ratio in ratios],
        }
    return report


def raw_faiss(path: Path, manifest: SnapshotManifest) -> dict[str, Ask]:
    """Return FAISS alone at the same point; nothing for the kind that is not one of its own."""
    if manifest.index_factory == BINARY:
        return {}
    finder = read_finder(path / "index.faiss", manifest.index_factory, manifest.dim)
    assert isinstance(finder, FloatFinder)
    point = manifest.chosen.search
    parameters = finder.parameters(point, None)
    file, depth = str(path / "index.faiss"), K * point.depth

    def ask(index: faiss.Index) -> Ask:
        return lambda query: index.search(query, depth, params=parameters)

    mapped, held = faiss.read_index(file, faiss.IO_FLAG_MMAP_IFC), faiss.read_index(file)
    return {"raw": ask(mapped), "raw_in_memory": ask(held)}


def recalled(index: FaissIndex, vectors: HalfVectors, queries: Vectors, true: Vectors) -> float:
    """Return recall@10 against exact cosines."""
    _, found = index.search(queries, true.shape[1])
    return round(recall(vectors.similarities(queries, found), true), 4)


def curve(
    index: FaissIndex, point: SearchPoint, vectors: HalfVectors, queries: Vectors, true: Vectors
) -> list[dict[str, Any]]:
    """Return recall and queries/s at the point that serves, and looking less and more hard."""
    measured = []
    for near in _around(index, point):
        at = index.at(near)
        measured.append(
            {
                **near.model_dump(exclude_none=True),
                "recall": recalled(at, vectors, queries, true),
                "queries_per_second": round(_rate(lambda q, at=at: at.search(q, K), queries), 1),
            }
        )
    return measured


def filtered(index: FaissIndex, vectors: HalfVectors, queries: Vectors) -> dict[str, Any]:
    """Return recall and ms among what filters keep: rows at random, or those of one direction.

    A shop's filters are seldom at random. Of the latter, most queries are far from all rows that
    are kept, which is the hardest there is.
    """
    queries, report = queries[:_FILTERED], {}
    rng = np.random.default_rng(2)
    direction = rng.normal(size=(vectors.dim, 1)).astype(np.float32)
    along = np.concatenate([(block @ direction)[:, 0] for block in vectors.blocks()])
    for way, scores in (("random", rng.random(len(vectors))), ("one direction", along)):
        for share in _SHARES:
            count = round(share * len(vectors))
            if count:
                marked = np.zeros(len(vectors), np.bool_)
                marked[np.argpartition(-scores, count - 1)[:count]] = True
                report.setdefault(way, {})[f"{share:.2%}"] = _among(index, vectors, queries, marked)
    return report


def _among(
    index: FaissIndex, vectors: HalfVectors, queries: Vectors, marked: Marked
) -> dict[str, Any]:
    true, _ = vectors.search(queries, K, marked)
    begun = time.process_time()
    found = [index.search(query[None], K, marked)[1][0] for query in queries]
    seconds = time.process_time() - begun
    return {
        "way": index.way(K, int(marked.sum())),
        "recall": round(recall(vectors.similarities(queries, np.stack(found)), true), 4),
        "milliseconds": round(1000 * seconds / len(queries), 3),
    }


def _around(index: FaissIndex, point: SearchPoint) -> Iterator[SearchPoint]:
    """Yield points of rising effort, by the one knob that this kind has."""
    if not index.knobs:
        yield point
        return
    seen = set()
    for factor in _AROUND:
        if point.ef_search:
            near = point.model_copy(update={"ef_search": max(1, int(factor * point.ef_search))})
        elif point.nprobe:
            probes = min(max(1, int(factor * point.nprobe)), index.lists)
            near = point.model_copy(update={"nprobe": probes})
        else:
            near = point.model_copy(update={"depth": max(1, int(factor * point.depth))})
        if near not in seen:
            seen.add(near)
            yield near


def _rate(ask: Ask, queries: Vectors) -> float:
    faiss.omp_set_num_threads(1)
    for query in queries[:_WARM_UP]:
        ask(query[None])
    begun = time.process_time()
    for query in queries:
        ask(query[None])
    return len(queries) / (time.process_time() - begun)


def exact(path: Path, queries: Vectors) -> tuple[HalfVectors, Vectors]:
    """Return the vectors of a snapshot, and each query's ten best cosines among them."""
    vectors = map_halves(path / "vectors.f16.npy")
    return vectors, vectors.search(queries, K)[0]
