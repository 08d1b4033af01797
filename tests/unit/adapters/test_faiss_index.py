"""Every kind of index on disk: whole or an error, and as good as what was measured."""

import resource
from pathlib import Path

import numpy as np
import pytest

from service.adapters.faiss_files import build_index, read_finder
from service.adapters.faiss_index import FaissIndex
from service.adapters.filter_effort import harder, heeded, reading_is_less, times_harder
from service.adapters.half_vectors import HalfVectors, floats, map_halves, write_halves
from service.adapters.held_out import hold_out
from service.adapters.index_kinds import check_choice, spec_for
from service.adapters.index_sweep import sweep
from service.core.errors import IndexChoiceError, IndexCorruptError
from service.core.index_choice import FLAT_ROWS, HNSW_ROWS, IndexChoice
from service.core.manifest import SearchPoint
from service.core.operating_points import choose, recall
from service.core.types import Vectors

DIM, ROWS = 64, 4000
KINDS = ["flat", "hnsw", "ivf", "ivf-rabitq", "binary", "IVF32,SQ8", "OPQ16_32,IVF16,PQ16x4"]


def clustered(rows: int, seed: int, spread: float = 0.5) -> Vectors:
    """Unit vectors around forty centres, as a catalogue's are around its categories."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, DIM))
    vectors = centres[rng.integers(40, size=rows)] + spread * rng.normal(size=(rows, DIM))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def halves() -> HalfVectors:
    return HalfVectors(clustered(ROWS, seed=0).astype(np.float16))


def build(kind: str, halves: HalfVectors, folder: Path) -> FaissIndex:
    spec = spec_for(IndexChoice(kind), len(halves), halves.dim)
    build_index(spec.factory, halves, folder / "index.faiss")
    finder = read_finder(folder / "index.faiss", spec.factory, halves.dim)
    return FaissIndex(finder, halves, SearchPoint(), exact_rows=50)


@pytest.mark.parametrize("kind", KINDS)
def test_the_chosen_point_reaches_its_recall_on_queries_it_was_not_chosen_by(
    kind: str, halves: HalfVectors, tmp_path: Path
) -> None:
    index = build(kind, halves, tmp_path)
    chosen = choose(sweep(index, halves, 0.95), 0.95)
    assert chosen.recall >= chosen.promised >= 0.95
    queries = clustered(1000, seed=1)
    true, _ = halves.search(queries, 10)
    _, rows = index.at(chosen.search).search(queries, 10)
    assert recall(halves.similarities(queries, rows), true) >= 0.95

    queries = queries[:100]
    marked = np.random.default_rng(2).random(ROWS) < 0.1
    true, _ = halves.search(queries, 10, marked)
    _, rows = index.at(chosen.search).search(queries, 10, marked)
    assert marked[rows].all()
    assert recall(halves.similarities(queries, rows), true) >= 0.92


def test_lazier_points_are_worse_and_an_index_does_what_its_point_says(
    halves: HalfVectors, tmp_path: Path
) -> None:
    index, queries = build("ivf", halves, tmp_path), clustered(100, seed=1)
    true, _ = halves.search(queries, 10)
    found = [index.at(SearchPoint(nprobe=n)).search(queries, 10)[1] for n in (1, 8, index.lists)]
    recalls = [recall(halves.similarities(queries, rows), true) for rows in found]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.9 < recalls[-1] == 1


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf", "binary"])
def test_marked_rows_are_read_by_a_graph_as_the_half_floats_are(
    kind: str, halves: HalfVectors, tmp_path: Path
) -> None:
    spec = spec_for(IndexChoice(kind), len(halves), halves.dim)
    build_index(spec.factory, halves, tmp_path / "index.faiss")
    finder = read_finder(tmp_path / "index.faiss", spec.factory, halves.dim)
    query, marked = clustered(1, seed=3), np.random.default_rng(4).random(ROWS) < 0.05
    read = finder.read(query, 20, marked)
    if kind != "hnsw":
        assert read is None
        return
    true, rows = halves.search(query, 20, marked)
    assert read is not None
    np.testing.assert_array_equal(read[1], rows)
    np.testing.assert_allclose(read[0], true, atol=2e-4)
    similarities, found = FaissIndex(finder, halves, SearchPoint()).search(query, 20, marked)
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(similarities, read[0])


def test_an_answer_is_full_where_the_lists_looked_into_hold_too_little(
    halves: HalfVectors, tmp_path: Path
) -> None:
    """One list of a hundred holds about forty rows."""
    index, queries = build("ivf", halves, tmp_path), clustered(3, seed=1)
    _, rows = index.at(SearchPoint(nprobe=1)).search(queries, 200)
    assert (rows >= 0).all()
    assert all(len(set(row)) == 200 for row in rows.tolist())


def test_who_asks_for_one_result_of_codes_gets_as_good_a_one_as_who_asks_for_ten(
    halves: HalfVectors, tmp_path: Path
) -> None:
    index, queries = build("binary", halves, tmp_path), clustered(200, seed=1)
    index = index.at(SearchPoint(depth=4))
    ten, one = (index.search(queries, limit)[1][:, 0] for limit in (10, 1))
    np.testing.assert_array_equal(one, ten)


def test_few_marked_rows_are_read_and_many_are_selected(
    halves: HalfVectors, tmp_path: Path
) -> None:
    index = build("ivf", halves, tmp_path)
    assert [index.way(10, kept) for kept in (1, 50, 51, ROWS)] == ["scan"] * 2 + ["selector"] * 2
    assert index.way(1000, 1500) == "scan", "half of them are wanted"
    assert build("flat", halves, tmp_path).way(10, 1) == "selector", "it reads no others anyway"


@pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivf-rabitq", "binary"])
def test_what_a_filter_keeps_is_found_though_it_is_far_from_the_query(
    kind: str, halves: HalfVectors, tmp_path: Path
) -> None:
    """The rows farthest along one direction: near most queries there are none of them."""
    index, queries = build(kind, halves, tmp_path), clustered(200, seed=1)
    index = index.at(choose(sweep(index, halves, 0.95), 0.95).search)
    direction = np.random.default_rng(3).normal(size=DIM).astype(np.float32)
    along = halves.take(slice(None)) @ direction
    for share in (0.5, 0.2, 0.05):
        marked = along >= np.quantile(along, 1 - share)
        true, _ = halves.search(queries, 10, marked)
        _, rows = index.search(queries, 10, marked)
        assert marked[rows].all()
        assert recall(halves.similarities(queries, rows), true) >= 0.95, share


def test_effort_is_raised_by_what_is_kept_near_a_query() -> None:
    near = np.zeros((3, 64), np.bool_)
    near[1, :32], near[2] = True, True
    none, half, every = times_harder(near, 0.5, None)
    assert none == pytest.approx(66)
    assert half == pytest.approx(66 / 33)
    assert every == pytest.approx(66 / 65)
    none, half, every = times_harder(near, 0.5, 32)
    assert (none, half) == (pytest.approx(66), pytest.approx(2))
    assert every == pytest.approx((66 / 65 / 0.5) ** 0.5)
    none, half, every = times_harder(near, 0.5, 6400)
    assert none == pytest.approx((66 / 0.5) ** 0.5), "a graph's cost grows faster than its effort"
    assert times_harder(near[:1], 1e-6, None) == [256]
    point = SearchPoint(ef_search=32, nprobe=4, depth=8)
    assert harder(point, 4) == SearchPoint(ef_search=128, nprobe=16, depth=16)
    assert harder(point, 256).depth == 64


def test_a_graph_is_left_for_a_scan_where_that_is_less() -> None:
    assert reading_is_less(SearchPoint(ef_search=1000), 16_000)
    assert not reading_is_less(SearchPoint(ef_search=1000), 16_001)
    assert not reading_is_less(SearchPoint(nprobe=1000), 1), "lists hardly read what is not kept"


def test_an_index_heeds_its_own_knobs_with_the_defaults_of_faiss() -> None:
    given = SearchPoint(ef_search=9, nprobe=7, depth=3)
    assert heeded(given, frozenset()) == SearchPoint(depth=3)
    assert heeded(given, frozenset({"nprobe"})) == SearchPoint(nprobe=7, depth=3)
    assert heeded(SearchPoint(), frozenset({"ef_search"})) == SearchPoint(ef_search=16)


def test_a_sweep_stops_at_the_target_and_keeps_what_fell_short(
    halves: HalfVectors, tmp_path: Path
) -> None:
    points = sweep(build("ivf", halves, tmp_path), halves, 0.9)
    assert [point.search.nprobe for point in points] == [1, 2, 4, 8, 16, 32][: len(points)]
    assert all(point.recall < 0.9 for point in points[:-1])
    assert choose(points, 0.9) == points[-1]
    assert choose(points, 1.01) == max(points, key=lambda point: point.recall)


def test_held_out_queries_are_as_near_as_neighbours_are_and_never_rows(
    halves: HalfVectors,
) -> None:
    held = hold_out(halves, 200)
    queries = held.turned
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    nearest, _ = halves.search(queries, 1)
    (of_rows, _) = halves.search(halves.take(slice(None))[:500], 2)
    assert nearest.max() < 0.999
    assert np.median(nearest) == pytest.approx(np.median(of_rows[:, 1]), abs=0.05)
    again = hold_out(halves, 200)
    np.testing.assert_array_equal(queries, again.turned)
    np.testing.assert_array_equal(held.true, halves.search(queries, 10)[0])
    every = halves.take(slice(None))
    for row, near in zip(held.rows, held.near, strict=True):
        cosines = np.delete(every @ every[row], row)
        np.testing.assert_allclose(near, -np.sort(-cosines)[:10], atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 5, 12])
def test_few_rows_are_held_out_too(rows: int) -> None:
    few = HalfVectors(clustered(rows, seed=0).astype(np.float16))
    held = hold_out(few, 512)
    assert (len(held), held.near.shape) == (rows, (rows, min(10, rows - 1)))
    assert held.true.shape == (rows, min(10, rows))


@pytest.mark.parametrize("kind", ["flat", "hnsw", "ivf", "ivf-rabitq", "binary"])
def test_a_row_is_left_out_of_what_it_finds(kind: str, halves: HalfVectors, tmp_path: Path) -> None:
    """Whatever looks hard enough finds all others; lists and codes that look less hard do not.

    A graph always does, by the row's own links, and is held to queries that were turned away.
    """
    index, rows = build(kind, halves, tmp_path), hold_out(halves, 100).rows
    hard = index.at(SearchPoint(ef_search=1024, nprobe=index.lists or None, depth=64))
    every = halves.take(slice(None))
    cosines = every[rows] @ every.T
    cosines[np.arange(len(rows)), rows] = -2
    true = -np.sort(-cosines, axis=1)[:, :10]
    assert recall(hard.others(rows, 10), true) >= 0.999
    if kind not in ("flat", "hnsw"):
        assert recall(index.at(SearchPoint(depth=1)).others(rows, 10), true) < 0.95


@pytest.mark.parametrize("kind", ["ivf", "ivf-rabitq", "binary"])
def test_a_row_left_out_finds_what_one_that_was_never_held_would(
    kind: str, halves: HalfVectors, tmp_path: Path
) -> None:
    """A point is therefore no better for queries of the sweep than for fresh ones."""
    index = build(kind, halves, tmp_path)
    rows, fresh = np.arange(ROWS), clustered(2000, seed=1)
    every, (true, _) = halves.take(slice(None)), halves.search(fresh, 10)
    cosines = every @ every.T
    np.fill_diagonal(cosines, -2)
    near = -np.sort(-cosines, axis=1)[:, :10]
    for look in (2, 4):
        at = index.at(SearchPoint(nprobe=look if index.lists else None, depth=look))
        found = np.concatenate([at.search(query[np.newaxis], 10)[1] for query in fresh])
        outside = recall(halves.similarities(fresh, found), true)
        assert recall(at.others(rows, 10), near) == pytest.approx(outside, abs=0.012), look


def test_what_is_as_near_as_the_last_true_neighbour_counts() -> None:
    true = np.array([[0.9, 0.8, 0.8]], np.float32)
    assert recall(np.array([[0.9, 0.8, 0.8]], np.float32), true) == 1
    assert recall(np.array([[0.9, 0.8, 0.7]], np.float32), true) == pytest.approx(2 / 3)


GIB = 1 << 30


@pytest.mark.parametrize(
    ("rows", "memory", "kind"),
    [
        (0, GIB, "flat"),
        (FLAT_ROWS, GIB, "flat"),
        (FLAT_ROWS + 1, GIB, "hnsw"),
        (1_000_000, 4 * GIB, "hnsw"),
        (1_000_000, GIB, "ivf-rabitq"),
        (HNSW_ROWS + 1, 999 * GIB, "ivf-rabitq"),
    ],
)
def test_auto_goes_by_rows_and_by_what_fits_twice(rows: int, memory: int, kind: str) -> None:
    assert spec_for(IndexChoice(), rows, 256, memory).kind == kind


@pytest.mark.parametrize(
    ("kind", "rows", "factory"),
    [
        ("ivf", 1_000_000, "IVF4000,SQfp16"),
        ("ivf", 100, "IVF2,SQfp16"),
        ("ivf-rabitq", 10_000_000, "RR256,IVF12649_HNSW32,RaBitQ"),
        ("hnsw", 10, "HNSW32,SQfp16"),
        ("hnsw", 0, "Flat"),
        ("IVF7,SQ8", 1000, "IVF7,SQ8"),
    ],
)
def test_kinds_by_the_names_that_faiss_has_for_them(kind: str, rows: int, factory: str) -> None:
    assert spec_for(IndexChoice(kind), rows, 256).factory == factory


@pytest.mark.parametrize("kind", ["hsnw", "IVF,Flat", "", "LSH"])
def test_a_kind_that_does_not_exist_is_refused_before_any_work(kind: str) -> None:
    with pytest.raises(IndexChoiceError, match="auto, flat, hnsw, ivf, ivf-rabitq, binary"):
        check_choice(IndexChoice(kind), DIM)


def test_too_few_vectors_for_a_factory_are_an_error_that_says_so(
    halves: HalfVectors, tmp_path: Path
) -> None:
    with pytest.raises(IndexChoiceError, match=r"IVF5000,Flat of 4,000 vectors cannot be built"):
        build("IVF5000,Flat", halves, tmp_path)


def test_every_finite_half_is_widened_to_the_very_float_it_is() -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)].reshape(-1, 2)
    widened = floats(finite)
    assert widened.dtype == np.float32
    np.testing.assert_array_equal(
        widened.view(np.uint32), finite.astype(np.float32).view(np.uint32)
    )
    assert floats(finite[:0]).shape == (0, 2)


def test_half_vectors_stay_of_unit_length_and_like_themselves(tmp_path: Path) -> None:
    vectors = clustered(300, seed=3)
    write_halves(tmp_path / "v.npy", np.array_split(vectors, 3), 300, DIM)
    mapped = map_halves(tmp_path / "v.npy")
    assert (len(mapped), mapped.dim) == (300, DIM)
    np.testing.assert_allclose(np.linalg.norm(mapped.take(slice(None)), axis=1), 1, atol=1e-6)
    similarities, rows = mapped.search(vectors, 1)
    np.testing.assert_array_equal(rows[:, 0], np.arange(300))
    np.testing.assert_allclose(similarities, 1, atol=1e-6)


@pytest.mark.parametrize("kind", ["flat", "binary"])
@pytest.mark.parametrize("rows", [10, 4000], ids=["when closed", "while written"])
def test_a_full_disk_is_an_error(tmp_path: Path, halves: HalfVectors, kind: str, rows: int) -> None:
    """FAISS's own writer prints a line and goes on."""
    some = HalfVectors(halves.take(slice(0, rows)).astype(np.float16))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (rows * DIM // 16, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            build(kind, some, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("factory", ["Flat", "Binary"])
@pytest.mark.parametrize("data", [b"", b"IxFI", b"not an index at all" * 10])
def test_what_faiss_cannot_read_is_refused(tmp_path: Path, data: bytes, factory: str) -> None:
    (tmp_path / "index.faiss").write_bytes(data)
    with pytest.raises(IndexCorruptError, match=r"index\.faiss cannot be read"):
        read_finder(tmp_path / "index.faiss", factory, DIM)
