"""Filtered search finds what a plain scan of everything finds, at every selectivity, in order."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.adapters.faiss_files import build_index, read_finder
from service.adapters.faiss_index import FaissIndex
from service.adapters.half_vectors import HalfVectors
from service.adapters.index_kinds import spec_for
from service.adapters.snapshots import SnapshotFolder
from service.core.errors import InvalidFilterError
from service.core.filter_text import parse_filter_text
from service.core.index_choice import IndexChoice
from service.core.keys import bundle_digest
from service.core.manifest import Receipt, SearchPoint
from service.core.snapshot import Snapshot, SnapshotStore
from service.core.types import Product, Vectors
from service.pipeline.filtering import Filtering, Kept
from service.pipeline.selecting import CANDIDATES, SearchOptions, Selected, select
from support.fake_store import FakeProductStore, fill
from support.fakes import FakeSnapshots, fake_manifest

PRODUCTS = 600
BUNDLE = fake_manifest()
RECEIPT = Receipt(products=PRODUCTS, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)


@dataclass(frozen=True)
class Shop:
    """Products of one to four pictures; `rank`, in no order of their looks, picks any share."""

    snapshot: Snapshot
    vectors: dict[str, Vectors]
    ranks: dict[str, int]

    @cached_property
    def query(self) -> NDArray[np.float32]:
        return unit(np.random.default_rng(99).normal(size=(1, BUNDLE.dim)))[0]

    def kept(self, text: str) -> Kept:
        return Filtering().kept(self.snapshot, parse_filter_text(text))

    def expected(self, count: int = PRODUCTS) -> dict[str, float]:
        """Cosines of the products of the first ranks, best picture each, falling."""
        best = {
            id_: float((vectors @ self.query).max())
            for id_, vectors in self.vectors.items()
            if self.ranks[id_] < count
        }
        return dict(sorted(best.items(), key=lambda pair: -pair[1]))


def unit(vectors: NDArray[np.float64]) -> Vectors:
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


@pytest.fixture(scope="module", params=["real", "fake"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    rng = np.random.default_rng(0)
    store = FakeProductStore()
    ranks = rng.permutation(PRODUCTS)
    made, catalog, pictures = {}, [], {}
    for i in range(PRODUCTS):
        attributes = {"rank": int(ranks[i]), "group": f"g{ranks[i] % 7}"}
        vectors = unit(rng.normal(size=(1 + i % 4, BUNDLE.dim)))
        made[f"p{i}"] = vectors
        images = {f"{i * 10 + j:064x}": vector for j, vector in enumerate(vectors)}
        catalog.append((Product(f"p{i}", attributes=attributes), list(images)))
        pictures.update(images)
    fill(store, catalog, bundle_digest(BUNDLE), pictures)
    folder: Path = tmp_path_factory.mktemp("data")
    snapshots: SnapshotStore = (
        SnapshotFolder(folder) if request.param == "real" else FakeSnapshots()
    )
    with store.view() as view:
        snapshot = snapshots.build(view, BUNDLE, RECEIPT)
    return Shop(snapshot, made, {f"p{i}": int(rank) for i, rank in enumerate(ranks)})


def ids(selected: Selected) -> list[str]:
    return [hit.product_id for hit in selected.hits]


@pytest.mark.parametrize("count", [1, 2, 9, 30, 60, 300, 599, PRODUCTS])
@pytest.mark.parametrize("limit", [1, 10, 200])
def test_as_many_as_match_are_found_and_they_are_the_nearest(
    shop: Shop, count: int, limit: int
) -> None:
    kept = shop.kept(f"rank:..{count - 1}")
    selected = select(shop.snapshot, shop.query, limit, kept=kept)
    expected = shop.expected(count)
    found = ids(selected)
    assert len(set(found)) == len(found) == min(limit, count)
    # As near as the nearest are, product by product: an index of half floats may swap equals.
    nearest = list(expected.values())[:limit]
    assert [expected[id_] for id_ in found] == pytest.approx(nearest, abs=1e-3)
    assert [hit.similarity for hit in selected.hits] == pytest.approx(nearest, abs=1e-3)
    assert selected.plan.kept_products == count
    assert selected.plan.kept_rows == kept.rows.sum() == kept.count
    assert selected.plan.way == ("all" if count == PRODUCTS else shop.snapshot.index.way(limit, 1))


def test_a_filter_that_nothing_matches_finds_nothing(shop: Shop) -> None:
    selected = select(shop.snapshot, shop.query, 10, kept=shop.kept("rank:9999"))
    assert (selected.hits, selected.plan.way, selected.plan.kept_rows) == ([], "none", 0)


@pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivf-rabitq", "binary"])
@pytest.mark.parametrize(("count", "way"), [(1, "scan"), (300, "selector"), (599, "selector")])
def test_an_approximate_index_fills_the_page_with_what_the_filter_keeps(
    shop: Shop, tmp_path: Path, kind: str, count: int, way: str
) -> None:
    rows = np.arange(len(shop.snapshot.index))
    halves = HalfVectors(shop.snapshot.vectors.take(rows).astype(np.float16))
    spec = spec_for(IndexChoice(kind), len(rows), BUNDLE.dim)
    build_index(spec.factory, halves, tmp_path / "index.faiss")
    finder = read_finder(tmp_path / "index.faiss", spec.factory, BUNDLE.dim)
    # Looked into no more than this, the lists and the graph alone would find too few.
    index = FaissIndex(finder, halves, SearchPoint(ef_search=16, nprobe=4, depth=8), exact_rows=0)
    snapshot = replace(shop.snapshot, index=index)
    selected = select(snapshot, shop.query, 10, kept=shop.kept(f"rank:..{count - 1}"))
    found = ids(selected)
    assert len(set(found)) == len(found) == min(10, count)
    assert all(shop.ranks[id_] < count for id_ in found)
    # How near they are is for the search point to say, but each cosine is one of its product's.
    for hit in selected.hits:
        assert np.abs(shop.vectors[hit.product_id] @ shop.query - hit.similarity).min() < 1e-3
    assert selected.plan.way == way


def test_pages_follow_one_another(shop: Shop) -> None:
    kept = shop.kept("rank:..99")
    pages = [
        ids(select(shop.snapshot, shop.query, 40, SearchOptions(offset=offset), kept))
        for offset in (0, 40, 80, 120)
    ]
    assert [len(page) for page in pages] == [40, 40, 20, 0]
    every = ids(select(shop.snapshot, shop.query, 100, kept=kept))
    assert [id_ for page in pages for id_ in page] == every


def test_excluded_products_make_room_for_the_next(shop: Shop) -> None:
    order = ids(select(shop.snapshot, shop.query, 20))
    unwanted = frozenset(order[:3] + order[5:6] + ["no such product"])
    selected = select(shop.snapshot, shop.query, 5, SearchOptions(exclude_ids=unwanted))
    assert ids(selected) == [order[3], order[4], *order[6:9]]


def test_what_is_less_alike_than_asked_is_no_result(shop: Shop) -> None:
    hits = select(shop.snapshot, shop.query, 50).hits
    least = hits[7].similarity
    selected = select(shop.snapshot, shop.query, 50, SearchOptions(min_similarity=least))
    assert ids(selected) == [hit.product_id for hit in hits[:8]]
    assert select(shop.snapshot, shop.query, 50, SearchOptions(min_similarity=1.0)).hits == []


def test_collapse_still_fills_the_page(shop: Shop) -> None:
    """At a cosine this low every hit stands for many; what is left must be asked for."""
    selected = select(shop.snapshot, shop.query, 8, SearchOptions(collapse=0.25))
    assert len(selected.hits) == 8
    assert selected.plan.candidates > 8
    vectors = shop.snapshot.vectors.take(np.array([hit.row for hit in selected.hits]))
    assert ((vectors @ vectors.T)[np.triu_indices(8, 1)] < 0.25).all()
    assert any(hit.duplicates for hit in selected.hits)
    assert ids(selected)[0] == ids(select(shop.snapshot, shop.query, 1))[0]


def test_diversity_orders_by_difference_among_the_candidates(shop: Shop) -> None:
    plain = select(shop.snapshot, shop.query, 10)
    varied = select(shop.snapshot, shop.query, 10, SearchOptions(diversity=0.7))
    assert ids(varied)[0] == ids(plain)[0]
    assert ids(varied) != ids(plain)
    candidates = ids(select(shop.snapshot, shop.query, CANDIDATES))
    assert set(ids(varied)) <= set(candidates)

    def likeness(selected: Selected) -> float:
        vectors = shop.snapshot.vectors.take(np.array([hit.row for hit in selected.hits]))
        return float((vectors @ vectors.T)[np.triu_indices(10, 1)].mean())

    assert likeness(varied) < likeness(plain)


def test_pages_of_varied_results_follow_one_another(shop: Shop) -> None:
    def page(offset: int, limit: int) -> list[str]:
        options = SearchOptions(diversity=0.5, offset=offset)
        return ids(select(shop.snapshot, shop.query, limit, options))

    assert page(0, 10) + page(10, 10) == page(0, 20)


def test_facets_count_the_nearest_that_match_and_not_the_page(shop: Shop) -> None:
    options = SearchOptions(facets=("group", "rank"))
    kept = shop.kept("rank:..399")
    selected = select(shop.snapshot, shop.query, 3, options, kept)
    nearest = ids(select(shop.snapshot, shop.query, CANDIDATES, kept=kept))
    groups = [f"g{shop.ranks[id_] % 7}" for id_ in nearest]
    assert dict(selected.facets["group"].values) == {g: groups.count(g) for g in set(groups)}
    assert selected.facets["group"].missing == 0
    ranks = [shop.ranks[id_] for id_ in nearest]
    assert (selected.facets["rank"].least, selected.facets["rank"].greatest) == (
        min(ranks), max(ranks),
    )  # fmt: skip
    assert len(selected.hits) == 3


def test_a_facet_of_no_field_is_refused(shop: Shop) -> None:
    with pytest.raises(InvalidFilterError, match="no field 'colour'"):
        select(shop.snapshot, shop.query, 3, SearchOptions(facets=("colour",)))


class Counting:
    """The fields of a snapshot that count how often they are asked."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._fields = snapshot.fields
        self.asked = 0

    def __len__(self) -> int:
        return len(self._fields)

    def matching(self, wanted: object) -> NDArray[np.bool_]:
        self.asked += 1
        return self._fields.matching(wanted)  # type: ignore[arg-type]


@pytest.fixture
def counted(shop: Shop) -> tuple[Snapshot, Counting]:
    fields = Counting(shop.snapshot)
    return replace(shop.snapshot, fields=fields), fields  # type: ignore[arg-type]


def test_a_filter_is_evaluated_once_while_its_snapshot_serves(
    shop: Shop, counted: tuple[Snapshot, Counting]
) -> None:
    snapshot, fields = counted
    filtering = Filtering()
    first = filtering.kept(snapshot, parse_filter_text("rank:..9"))
    assert filtering.kept(snapshot, parse_filter_text("  rank:..9 ")) is first
    filtering.kept(snapshot, parse_filter_text("rank:..10"))
    assert fields.asked == 2
    filtering.kept(shop.snapshot, parse_filter_text("rank:..9"))
    filtering.kept(snapshot, parse_filter_text("rank:..9"))
    assert fields.asked == 3, "another snapshot may hold other products"


def test_remembered_filters_are_bounded_and_the_last_used_stay(
    counted: tuple[Snapshot, Counting],
) -> None:
    snapshot, fields = counted
    filtering = Filtering(max_bytes=3 * len(snapshot.index))
    wanted = [parse_filter_text(f"rank:{i}") for i in range(4)]
    for each in (*wanted[:3], wanted[0], wanted[3]):
        filtering.kept(snapshot, each)
    assert fields.asked == 4
    filtering.kept(snapshot, wanted[0])
    filtering.kept(snapshot, wanted[2])
    assert fields.asked == 4, "used since, or lately"
    filtering.kept(snapshot, wanted[1])
    assert fields.asked == 5, "used longest ago"
