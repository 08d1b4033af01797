"""An index that a GPU built is as good as the CPU's, in the same kind of file: `make gpu-check`."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from bench.index_rows import RECEIPT, Rows, bundle
from service.adapters.faiss_files import build_index, read_finder
from service.adapters.faiss_gpu import use_gpu
from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors
from service.adapters.index_kinds import spec_for
from service.adapters.index_sweep import sweep
from service.adapters.snapshots import SnapshotFolder
from service.core.errors import IndexChoiceError
from service.core.index_choice import BuildOn, IndexChoice
from service.core.manifest import SearchPoint
from service.core.operating_points import choose, recall
from support.gpu import lacking

pytestmark = pytest.mark.gpu
ROWS = 20_000


@pytest.fixture(scope="module", autouse=True)
def _a_gpu() -> None:
    try:
        use_gpu(BuildOn.GPU)
    except IndexChoiceError as exc:
        lacking(f"no GPU for FAISS: {exc}")


@pytest.fixture(scope="module")
def halves() -> HalfVectors:
    return HalfVectors(Rows(0).drawn(ROWS, seed=1).astype(np.float16))


@pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivf-rabitq", "HNSW16,Flat", "IVF64_HNSW8,SQ8"])
def test_the_gpus_index_has_the_recall_of_the_cpus(
    kind: str, halves: HalfVectors, tmp_path: Path
) -> None:
    spec = spec_for(IndexChoice(kind), len(halves), halves.dim)
    paths = {place: tmp_path / place for place in (BuildOn.CPU, BuildOn.GPU)}
    for place, path in paths.items():
        assert build_index(spec.factory, halves, path, place) == place
    assert paths[BuildOn.GPU].read_bytes()[:4] == paths[BuildOn.CPU].read_bytes()[:4]
    sizes = [path.stat().st_size for path in paths.values()]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    cpu, gpu = (
        FaissIndex(read_finder(path, spec.factory, halves.dim), halves, SearchPoint())
        for path in paths.values()
    )
    queries = Rows(0).drawn(300, seed=2)
    true, _ = halves.search(queries, 10)
    point = choose(sweep(cpu, halves, 0.95), 0.95).search
    recalls = [
        recall(halves.similarities(queries, index.at(point).search(queries, 10)[1]), true)
        for index in (cpu, gpu)
    ]
    assert recalls[1] > recalls[0] - 0.02
    reached = choose(sweep(gpu, halves, 0.95), 0.95)
    assert reached.recall >= 0.95


def test_filters_find_as_much_in_a_graph_that_the_gpu_built(
    halves: HalfVectors, tmp_path: Path
) -> None:
    """Also rows that are far from the query, which need links between clusters."""
    spec = spec_for(IndexChoice("hnsw"), len(halves), halves.dim)
    build_index(spec.factory, halves, tmp_path / "index", BuildOn.GPU)
    finder = read_finder(tmp_path / "index", spec.factory, halves.dim)
    index = FaissIndex(finder, halves, SearchPoint(ef_search=64), exact_rows=50)
    queries = Rows(0).drawn(100, seed=3)
    along = halves.take(slice(None)) @ np.random.default_rng(4).normal(size=halves.dim)
    marked = along >= np.quantile(along, 0.8)
    true, _ = halves.search(queries, 10, marked)
    _, rows = index.search(queries, 10, marked)
    assert marked[rows].all()
    assert recall(halves.similarities(queries, rows), true) >= 0.95


@pytest.mark.parametrize(("build_on", "said"), [("auto", "gpu"), ("gpu", "gpu"), ("cpu", "cpu")])
def test_a_snapshot_says_what_built_it(build_on: str, said: str, tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path, build_on=BuildOn(build_on))
    store = Rows(ROWS)
    built = folder.build(cast(Any, store), bundle(store.dim), RECEIPT, IndexChoice("hnsw"))
    assert built.manifest.built_on == said
    assert built.manifest.chosen.recall >= 0.95
    assert len(built.index) == ROWS
