"""What every `VectorIndex` keeps to: the exact answer, ties in any order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.adapters.faiss_files import build_index, read_finder
from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors
from service.adapters.index_kinds import spec_for
from service.core.empty_snapshot import empty_snapshot
from service.core.index_choice import IndexChoice
from service.core.manifest import SearchPoint
from service.core.overlay import Layers
from service.core.snapshot import VectorIndex
from service.core.store import LiveProduct, Replay
from service.core.types import Product, Vectors
from support.fakes import BruteForceIndex, FakeFields, fake_manifest

DIM = 24
ATOL = 2e-4  # what half floats leave of a cosine
Make = Callable[[Vectors], VectorIndex]


KINDS = ["flat", "hnsw", "ivf", "ivf-rabitq", "binary", "IVF2,SQ8,RFlat", "HNSW16,SQ8", "SQ4"]
THOROUGH = SearchPoint(ef_search=1000, nprobe=1000, depth=1000)


@pytest.fixture(params=[*KINDS, "fake", "overlay"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Every kind, looking as hard as it can, which must give the exact answer."""
    if request.param == "fake":
        return BruteForceIndex
    if request.param == "overlay":
        return half_in_a_delta

    def built(vectors: Vectors) -> VectorIndex:
        halves = HalfVectors(vectors.astype(np.float16))
        spec = spec_for(IndexChoice(request.param), len(vectors), DIM)
        build_index(spec.factory, halves, tmp_path / "index.faiss")
        finder = read_finder(tmp_path / "index.faiss", spec.factory, DIM)
        return FaissIndex(finder, halves, THOROUGH, exact_rows=0)

    return built


def half_in_a_delta(vectors: Vectors) -> VectorIndex:
    """The second half was written live, a product a row."""
    old, new = np.split(vectors, [len(vectors) // 2])
    base = replace(
        empty_snapshot(fake_manifest(dim=DIM)),
        index=BruteForceIndex(old),
        product_rows=np.arange(len(old), dtype=np.int32),
        fields=FakeFields([Product(f"old-{row}") for row in range(len(old))]),
    )
    written = {
        f"new-{row}": LiveProduct(Product(f"new-{row}"), (f"{row:064x}",), new[row : row + 1])
        for row in range(len(new))
    }
    return Layers(base).write(Replay(len(new), written)).index


def unit(n: int, seed: int) -> Vectors:
    """Unit vectors of which half floats keep nearly all."""
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float16)
    scaled: Vectors = vectors.astype(np.float32)
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    return HalfVectors(scaled.astype(np.float16)).take(slice(None))


def assert_exact(gallery: Vectors, queries: Vectors, limit: int, index: VectorIndex) -> None:
    """Each answer is right row by row, and as good as brute force; equals may change places."""
    similarities, rows = index.search(queries, limit)
    n, k = len(queries), min(limit, len(gallery))
    assert similarities.shape == rows.shape == (n, k)
    assert (similarities.dtype, rows.dtype) == (np.float32, np.int64)
    every = queries @ gallery.T
    np.testing.assert_allclose(similarities, np.take_along_axis(every, rows, 1), atol=ATOL)
    np.testing.assert_allclose(similarities, -np.sort(-every, axis=1)[:, :k], atol=ATOL)
    assert all(len(set(row)) == k for row in rows.tolist())


@pytest.mark.parametrize("limit", [1, 7, 50, 51, 1000])
def test_neighbours_are_those_of_brute_force(make: Make, limit: int) -> None:
    gallery = unit(50, seed=0)
    index = make(gallery)
    assert len(index) == 50
    assert_exact(gallery, unit(5, seed=1), limit, index)


def test_equal_vectors_are_all_found(make: Make) -> None:
    gallery = unit(12, seed=2)[np.arange(60) % 12]
    similarities, rows = make(gallery).search(gallery[:1], 5)
    assert sorted(rows[0].tolist()) == [0, 12, 24, 36, 48]
    np.testing.assert_allclose(similarities, 1, atol=ATOL)
    assert_exact(gallery, unit(4, seed=3), 20, make(gallery))


def test_vectors_of_any_layout_are_taken(make: Make) -> None:
    gallery = unit(20, seed=4)
    index = make(gallery)
    queries = np.asfortranarray(unit(6, seed=5))[::2]
    assert not queries.flags.c_contiguous
    assert_exact(gallery, queries, 3, index)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("limit", [1, 10, 1000])
def test_only_rows_that_are_marked_are_found_and_all_of_them(
    make: Make, share: float, limit: int
) -> None:
    gallery, queries = unit(301, seed=8), unit(4, seed=9)
    marked = np.random.default_rng(10).permutation(301) < round(share * 301)
    similarities, rows = make(gallery).search(queries, limit, marked)
    k = min(limit, int(marked.sum()))
    assert similarities.shape == rows.shape == (4, k)
    assert (similarities.dtype, rows.dtype) == (np.float32, np.int64)
    assert marked[rows].all()
    best = -np.sort(-(queries @ gallery[marked].T), axis=1)[:, :k]
    np.testing.assert_allclose(similarities, best, atol=ATOL)


def test_an_empty_index_finds_nothing(make: Make) -> None:
    index = make(np.empty((0, DIM), np.float32))
    assert len(index) == 0
    similarities, rows = index.search(unit(2, seed=6), 10)
    assert similarities.shape == rows.shape == (2, 0)


def test_threads_may_search_at_once(make: Make) -> None:
    gallery = unit(200, seed=7)
    index = make(gallery)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(assert_exact, gallery, unit(3, seed=i), 10, index) for i in range(40)]
        for job in jobs:
            job.result()
