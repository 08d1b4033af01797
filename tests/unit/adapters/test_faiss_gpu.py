"""A build on a GPU as far as it needs none: who may build, and what becomes of CAGRA's links."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from service.adapters import faiss_gpu
from service.adapters.faiss_files import build_index, read_finder
from service.adapters.faiss_finders import FloatFinder
from service.adapters.half_vectors import HalfVectors
from service.core.errors import IndexChoiceError
from service.core.index_choice import BuildOn
from service.core.manifest import SearchPoint
from service.core.types import Vectors
from service.settings import Settings
from service.wiring import reindexing

DIM, ROWS = 64, 3000
HNSW = "HNSW32,SQfp16"
no_gpu = pytest.mark.skipif(faiss.get_num_gpus() > 0, reason="there is a GPU here")


def clustered(rows: int, seed: int) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(20, DIM))
    vectors = centres[rng.integers(20, size=rows)] + 0.5 * rng.normal(size=(rows, DIM))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def halves() -> HalfVectors:
    return HalfVectors(clustered(ROWS, seed=0).astype(np.float16))


def recall_of(finder: FloatFinder, halves: HalfVectors, point: SearchPoint) -> float:
    queries = clustered(100, seed=1)
    true, _ = halves.search(queries, 10)
    _, rows = finder.find(queries, 10, point, None)
    return float((halves.similarities(queries, rows) >= true[:, -1:] - 1e-3).mean())


# ---- who builds ----


@no_gpu
def test_a_gpu_that_is_asked_for_and_not_there_is_one_line_that_names_the_ways_out(
    halves: HalfVectors, tmp_path: Path
) -> None:
    with pytest.raises(IndexChoiceError) as refused:
        build_index("Flat", halves, tmp_path / "index.faiss", BuildOn.GPU)
    said = str(refused.value)
    assert said.startswith("VITRINE_INDEX_BUILD=gpu, but ")
    assert "auto or cpu" in said
    has_support = hasattr(faiss, "StandardGpuResources")
    assert ("nvidia-smi" if has_support else "vitrine[gpu]") in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


@no_gpu
def test_a_reindex_is_refused_before_it_touches_the_data_directory(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", index_build="gpu")
    with pytest.raises(IndexChoiceError, match="VITRINE_INDEX_BUILD=gpu"), reindexing(settings):
        pass
    assert not settings.data_dir.exists()


@no_gpu
@pytest.mark.parametrize("build_on", [BuildOn.AUTO, BuildOn.CPU])
def test_without_a_gpu_the_cpu_builds_and_the_result_says_so(
    build_on: BuildOn, halves: HalfVectors, tmp_path: Path
) -> None:
    assert build_index("IVF16,SQfp16", halves, tmp_path / "index.faiss", build_on) == BuildOn.CPU


def test_a_device_that_fails_is_replaced_by_the_cpu_only_where_it_was_not_asked_for(
    halves: HalfVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its memory is full: FAISS finds one, and then raises."""

    def full(index: object, vectors: HalfVectors) -> None:
        raise MemoryError("std::bad_alloc")

    monkeypatch.setattr(faiss_gpu, "use_gpu", lambda build_on: build_on != BuildOn.CPU)
    monkeypatch.setattr(faiss_gpu, "FEWEST_IN_A_GRAPH", 1000)
    monkeypatch.setattr(faiss_gpu, "fill_graph", full)
    path = tmp_path / "index.faiss"
    assert build_index(HNSW, halves, path, BuildOn.AUTO) == BuildOn.CPU
    assert len(read_finder(path, HNSW, DIM)) == ROWS
    path.unlink()
    with pytest.raises(IndexChoiceError, match=r"HNSW32,SQfp16 of 3,000 vectors cannot be built"):
        build_index(HNSW, halves, path, BuildOn.GPU)
    assert not path.exists()


# ---- what is done with what the device made ----


@pytest.mark.parametrize("factory", [HNSW, "HNSW32,Flat"])
def test_links_of_cagras_index_serve_the_index_that_the_cpu_would_have_built(
    factory: str, halves: HalfVectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its links come from `IndexHNSWCagra`'s own `add` here, as CAGRA would leave them there."""

    def graph(vectors: HalfVectors, links: int) -> faiss.Index:
        made = faiss.IndexHNSWCagra(vectors.dim, links // 2, faiss.METRIC_L2)
        made.base_level_only = False
        made.add(vectors.take(slice(None)))
        return made

    monkeypatch.setattr(faiss_gpu, "use_gpu", lambda build_on: build_on == BuildOn.GPU)
    monkeypatch.setattr(faiss_gpu, "FEWEST_IN_A_GRAPH", 1000)
    monkeypatch.setattr(faiss_gpu, "_cagra", graph)
    taken, own = tmp_path / "taken.faiss", tmp_path / "own.faiss"
    assert build_index(factory, halves, taken, BuildOn.GPU) == BuildOn.GPU
    assert build_index(factory, halves, own, BuildOn.CPU) == BuildOn.CPU
    assert taken.read_bytes()[:4] == own.read_bytes()[:4]  # one kind of file
    assert taken.stat().st_size == pytest.approx(own.stat().st_size, rel=0.01)
    finders = [read_finder(path, factory, DIM) for path in (taken, own)]
    for finder in finders:
        assert isinstance(finder, FloatFinder)
        assert finder.knobs == {"ef_search"}
        assert not finder.lossy
        assert len(finder) == ROWS
    point = SearchPoint(ef_search=64)
    recalls = [recall_of(finder, halves, point) for finder in finders]
    assert min(recalls) > 0.97
    marked = np.random.default_rng(2).random(ROWS) < 0.02
    query = clustered(1, seed=3)
    np.testing.assert_array_equal(*[finder.read(query, 20, marked)[1] for finder in finders])


@pytest.mark.parametrize("factory", ["IVF16,SQfp16", f"RR{DIM},IVF16,RaBitQ", "IVF16_HNSW8,SQfp16"])
def test_k_means_asks_the_index_it_was_given_and_forgets_it(
    factory: str, halves: HalfVectors
) -> None:
    index = faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT)
    lists, nearest = faiss.try_extract_index_ivf(index), faiss.IndexFlatIP(DIM)
    with faiss_gpu.clustering_by(lists, nearest):
        index.train(halves.take(slice(None)))
    assert nearest.ntotal == 16  # the centroids it settled on
    assert lists.clustering_index is None
    assert index.is_trained
    for block in halves.blocks():
        index.add(block)
    sizes = [lists.invlists.list_size(number) for number in range(16)]
    assert sum(sizes) == ROWS
    assert max(sizes) < ROWS / 3
