"""What is written shows at once: at every step of a history, as in an index built from scratch."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray

from service.adapters.snapshots import SnapshotFolder
from service.core.errors import InvalidFilterError
from service.core.filter_text import parse_filter_text
from service.core.filters import Filter
from service.core.keys import bundle_digest
from service.core.manifest import Receipt
from service.core.overlay import LiveView, Overlay
from service.core.product_kinds import FieldKind
from service.core.snapshot import ProductFields, Snapshot, SnapshotStore
from service.core.store import Write
from service.core.types import AttributeValue, Hit, Product, Vectors
from service.pipeline.filtering import Filtering
from service.pipeline.live_index import LiveIndex
from service.pipeline.selecting import PLAIN, SearchOptions, Selected, select
from support.fake_store import FakeProductStore, fill
from support.fakes import FakeSnapshots, fake_manifest

BUNDLE = fake_manifest()
DIGEST = bundle_digest(BUNDLE)
RECEIPT = Receipt(products=0, seen=0, embedded=0, reused=0, failed=0, removed=0, seconds=0)
FILTERS = [
    "rank:..30", "rank:200..", "group:g1", "-group:g1", "new:true", "-new:*", "shade:dark",
    "-shade:dark", "tags:a", "id:p3,p7,p61", "group:g1,g2 rank:..50 -new:true",
    '{"must": [{"key": "shade", "exists": false}]}',
    '{"should": [{"key": "shade", "exists": true}, {"key": "group", "match": "G2"}]}',
]  # fmt: skip
OPTIONS = [
    PLAIN,
    SearchOptions(facets=("group", "rank", "tags")),
    SearchOptions(collapse=0.3),
    SearchOptions(diversity=0.6),
    SearchOptions(exclude_ids=frozenset({"p1", "p2", "p62"}), offset=2),
    SearchOptions(min_similarity=0.1),
]


class Shop:
    """A store that is written to at random, and what serves it."""

    def __init__(self, snapshots: SnapshotStore, seed: int = 0, products: int = 60) -> None:
        self.rng = np.random.default_rng(seed)
        self.snapshots = snapshots
        self.store = FakeProductStore()
        self.vectors: dict[str, NDArray[np.float32]] = {}
        made = [(self.product(f"p{i}"), self.pictures(1 + i % 4)) for i in range(products)]
        fill(self.store, made, DIGEST, self.vectors)
        self.build()
        self.live = LiveIndex(snapshots, self.store, BUNDLE)
        self.live.refresh()

    def product(self, id_: str, *, live: bool = False) -> Product:
        attributes: dict[str, object] = {
            "rank": int(self.rng.integers(300)), "group": f"g{self.rng.integers(4)}",
            "tags": tuple("abc"[: self.rng.integers(4)]),
        }  # fmt: skip
        if self.rng.random() < 0.5:
            attributes["new"] = bool(self.rng.random() < 0.5)
        if live and self.rng.random() < 0.6:  # no product of the first snapshot has this field
            attributes["shade"] = str(self.rng.choice(["Dark", "light"]))
        return Product(id_, f"Product {id_}", attributes=attributes)  # type: ignore[arg-type]

    def pictures(self, count: int) -> tuple[str, ...]:
        ids = tuple(f"{len(self.vectors) + i:064x}" for i in range(count))
        self.vectors |= dict(zip(ids, unit(self.rng, count), strict=True))
        return ids

    def put(self, id_: str, count: int = 1) -> None:
        pictures = self.pictures(count)
        self.write(Write(id_, self.product(id_, live=True), pictures))

    def write(self, *writes: Write) -> None:
        self.store.write(writes, DIGEST, self.vectors)
        self.live.catch_up()

    def step(self) -> None:
        """Something that may happen to a catalogue."""
        known = list(self.store.state.products)
        some = str(self.rng.choice(known))
        match int(self.rng.integers(7)):
            case 0:
                self.put(f"p{60 + self.rng.integers(40)}", int(self.rng.integers(1, 4)))
            case 1:
                self.put(some, int(self.rng.integers(1, 4)))
            case 2:  # other fields, the same pictures
                self.write(Write(some, self.product(some, live=True)))
            case 3 if len(known) > 12:
                self.write(*[Write(id_, None) for id_ in set(self.rng.choice(known, 3).tolist())])
            case 4:  # gone and back within one batch
                again = Write(some, self.product(some, live=True), self.pictures(2))
                self.write(Write(some, None), again, Write(some, self.product(some, live=True)))
            case 5:  # no picture left
                self.write(Write(some, self.product(some, live=True), ()))
            case _:
                writes = [f"p{self.rng.integers(100)}" for _ in range(6)]
                self.write(*[Write(id_, self.product(id_), self.pictures(1)) for id_ in writes])

    def build(self, *, serve: bool = True) -> int:
        with self.store.view() as view:
            version = self.snapshots.build(view, BUNDLE, RECEIPT).manifest.version
        if serve:
            self.snapshots.promote(version)
        return version

    def rebuilt(self) -> Snapshot:
        with self.store.view() as view:
            return FakeSnapshots().build(view, BUNDLE, RECEIPT)

    def query(self) -> NDArray[np.float32]:
        return unit(self.rng, 1)[0]


def unit(rng: np.random.Generator, count: int) -> Vectors:
    vectors = rng.normal(size=(count, BUNDLE.dim))
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def test_at_every_step_the_answers_are_those_of_an_index_built_from_scratch() -> None:
    for seed in range(3):
        shop, filtering = Shop(FakeSnapshots(), seed), Filtering()
        for step in range(60):
            shop.step()
            if step % 25 == 24:  # what is written between building and promoting is not lost
                version = shop.build(serve=False)
                shop.step()
                shop.snapshots.promote(version)
                shop.step()
                shop.live.refresh()
            assert_answers_alike(shop, filtering, FILTERS[step % len(FILTERS) :][:4])


def assert_answers_alike(shop: Shop, filtering: Filtering, filters: list[str]) -> None:
    """Hits, order, facets and counts, with every option, without a filter and with some."""
    view, rebuilt, query = shop.live.snapshot(), shop.rebuilt(), shop.query()
    assert (view.rows, view.products) == (rebuilt.rows, rebuilt.products)
    for limit, options in ((3, PLAIN), (1000, PLAIN), *((10, each) for each in OPTIONS)):
        for text in (None, *filters):
            wanted = parse_filter_text(text or "{}")
            if any(condition.key not in rebuilt.fields.kinds() for condition in wanted):
                continue  # no product has it any more, which only a new snapshot knows
            ours = select(
                view, query, limit, options, filtering.kept(view, wanted) if text else None
            )
            fresh = Filtering().kept(rebuilt, wanted) if text else None
            assert_same(ours, select(rebuilt, query, limit, options, fresh))


def assert_same(found: Selected, expected: Selected) -> None:
    def told(hits: list[Hit]) -> list[tuple[object, ...]]:
        return [(h.product_id, h.image_id, h.duplicates, h.matched_images) for h in hits]

    assert told(found.hits) == told(expected.hits)
    similarities = [hit.similarity for hit in expected.hits]
    assert [hit.similarity for hit in found.hits] == pytest.approx(similarities, abs=1e-6)
    assert found.facets.keys() == expected.facets.keys()
    for key, facet in expected.facets.items():
        assert found.facets[key] == facet
    ours, theirs = found.plan, expected.plan
    assert (ours.rows, ours.products, ours.kept_rows, ours.kept_products, ours.candidates) == (
        theirs.rows, theirs.products, theirs.kept_rows, theirs.kept_products, theirs.candidates
    )  # fmt: skip


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_over_a_real_snapshot_the_nearest_are_found_and_nothing_that_is_gone(
    tmp_path: Path, share: float
) -> None:
    """Its vectors are half floats, so equals within a thousandth may change places."""
    shop = Shop(SnapshotFolder(tmp_path))
    while shop.live.snapshot().dead_rows < shop.live.snapshot().manifest.rows * share:
        shop.step()
    for text in ("", *FILTERS):
        wanted, query = parse_filter_text(text or "{}"), shop.query()
        view, rebuilt = shop.live.snapshot(), shop.rebuilt()
        kept = Filtering().kept(view, wanted) if text else None
        found = select(view, query, 10, kept=kept).hits
        fresh = Filtering().kept(rebuilt, wanted) if text else None
        every = {
            hit.product_id: hit.similarity for hit in select(rebuilt, query, 1000, kept=fresh).hits
        }
        nearest = list(every.values())[:10]
        assert [every[hit.product_id] for hit in found] == pytest.approx(nearest, abs=1e-3)
        assert [hit.similarity for hit in found] == pytest.approx(nearest, abs=1e-3)


def test_until_something_is_written_the_snapshot_itself_is_served() -> None:
    shop = Shop(FakeSnapshots())
    assert shop.live.snapshot() is shop.snapshots.load(1)
    fill(shop.store, [(Product("by-a-run"), shop.pictures(1))], DIGEST, shop.vectors)
    shop.live.catch_up()
    assert shop.live.snapshot() is shop.snapshots.load(1), "a run shows when it is promoted"
    shop.put("p3")
    view = shop.live.snapshot()
    assert isinstance(view, Overlay)
    assert view.base is shop.snapshots.load(1)
    assert view.sequence == shop.store.sequence()


def test_what_a_run_removed_is_not_found_before_its_snapshot_is_promoted() -> None:
    shop = Shop(FakeSnapshots())
    kept = [(p.product, p.image_ids) for p in shop.store.list_products(10)]
    fill(shop.store, kept, DIGEST, delete_missing=True)
    shop.live.catch_up()
    hits = select(shop.live.snapshot(), shop.query(), 1000).hits
    assert {hit.product_id for hit in hits} == {product.id for product, _ in kept}


def test_a_view_that_is_held_never_changes() -> None:
    shop, query = Shop(FakeSnapshots()), Shop(FakeSnapshots(), 9).query()
    held: list[tuple[LiveView, Selected]] = []
    for _ in range(40):
        shop.step()
        view = shop.live.snapshot()
        wanted = Filtering().kept(view, parse_filter_text("group:g1"))
        held.append((view, select(view, query, 500, SearchOptions(facets=("rank",)), wanted)))
    for view, before in held:
        wanted = Filtering().kept(view, parse_filter_text("group:g1"))
        assert select(view, query, 500, SearchOptions(facets=("rank",)), wanted) == before


def test_a_field_that_only_a_live_write_has_can_be_asked_for_and_is_listed() -> None:
    shop = Shop(FakeSnapshots())
    with pytest.raises(InvalidFilterError, match="no field 'zeal'"):
        Filtering().kept(shop.live.snapshot(), parse_filter_text("zeal:7"))
    shop.write(Write("n", Product("n", attributes={"zeal": 7}), shop.pictures(1)))
    view = shop.live.snapshot()
    assert Filtering().kept(view, parse_filter_text("zeal:5..8")).count == 1
    assert Filtering().kept(view, parse_filter_text("-zeal:*")).products == 60
    with pytest.raises(
        InvalidFilterError, match=r"no field 'zest'.*url, group, new, rank, tags, zeal$"
    ):
        Filtering().kept(view, parse_filter_text("zest:1"))


def test_a_new_field_that_turns_out_to_hold_texts_is_compared_as_such_from_then_on() -> None:
    shop, filtering, wanted = Shop(FakeSnapshots()), Filtering(), parse_filter_text("zeal:7")
    shop.write(Write("n", Product("n", attributes={"zeal": "7.0"}), shop.pictures(1)))
    assert filtering.kept(shop.live.snapshot(), wanted).count == 1
    shop.write(Write("o", Product("o", attributes={"zeal": "much"}), shop.pictures(1)))
    assert filtering.kept(shop.live.snapshot(), wanted).count == 0
    assert filtering.kept(shop.live.snapshot(), parse_filter_text("zeal:MUCH,7.0")).count == 2


def test_dead_rows_are_never_marked_and_never_found_even_where_they_are() -> None:
    shop = Shop(FakeSnapshots())
    for _ in range(30):
        shop.step()
    view, wanted = shop.live.snapshot(), parse_filter_text("group:g1")
    kept = Filtering().kept(view, wanted)
    assert kept.rows.sum() == kept.count
    every = np.ones(len(view.index), np.bool_)
    _, (rows,) = view.index.search(shop.query()[np.newaxis], 1000, every)
    assert len(rows) == view.rows < len(view.index)
    assert {view.product_ids[row] for row in rows.tolist()} <= set(shop.store.state.products)


def test_a_value_of_another_kind_than_the_snapshot_s_is_a_gap_until_the_next_one() -> None:
    shop = Shop(FakeSnapshots())
    shop.write(Write("n", Product("n", attributes={"rank": "first"}), shop.pictures(1)))
    view = shop.live.snapshot()
    assert Filtering().kept(view, parse_filter_text("id:n -rank:*")).count == 1
    shop.build()
    shop.live.refresh()
    view = shop.live.snapshot()
    assert Filtering().kept(view, parse_filter_text("rank:first")).count == 1


def test_readers_never_see_half_of_a_write() -> None:
    """Two products are always written together, with one number in both."""
    shop, done = Shop(FakeSnapshots()), Event()

    def write() -> None:
        for number in range(300):
            fields = {"number": number}
            pictures = [shop.pictures(1 + number % 3) for _ in "12"]
            one = Write("p1", Product("p1", attributes=fields), pictures[0])
            shop.write(one, Write("new", Product("new", attributes=fields), pictures[1]))
            if number % 60 == 59:
                shop.build()
                shop.live.refresh()
        done.set()

    failures = in_threads([write], [lambda: read_both(shop.live, done)] * 3)
    assert failures == []
    hits = select(shop.live.snapshot(), shop.query(), 500).hits
    assert {"p1", "new"} <= {hit.product_id for hit in hits}


def read_both(live: LiveIndex, done: Event) -> None:
    filtering, query = Filtering(), unit(np.random.default_rng(5), 1)[0]
    wanted = parse_filter_text("id:p1,new")
    highest = 0
    while not done.is_set():
        view = live.snapshot()
        if "number" not in view.fields.kinds():
            continue
        hits = select(
            view, query, 10, SearchOptions(facets=("number",)), filtering.kept(view, wanted)
        )
        counted = hits.facets["number"].values
        assert len(hits.hits) == 2
        assert len(counted) == 1, "both are of one write"
        assert int(counted[0][0]) >= highest, "and never of an earlier one than before"
        highest = int(counted[0][0])
        everything = select(view, query, 500)
        assert len({hit.product_id for hit in everything.hits}) == 61
        rows = np.array([hit.row for hit in everything.hits], np.int64)
        cosines = view.vectors.take(rows) @ query
        assert np.allclose(cosines, [hit.similarity for hit in everything.hits], atol=1e-5)


def in_threads(*groups: list[Callable[[], None]]) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as exc:  # noqa: BLE001 - told by the test
            failures.append(exc)

    threads = [Thread(target=run, args=(task,)) for group in groups for task in group]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return failures


class Counting:
    """The fields of a snapshot that count how often they are asked."""

    def __init__(self, fields: ProductFields) -> None:
        self._fields = fields
        self.asked = 0

    def __len__(self) -> int:
        return len(self._fields)

    def kinds(self) -> Mapping[str, FieldKind]:
        return self._fields.kinds()

    def matching(self, wanted: Filter) -> NDArray[np.bool_]:
        self.asked += 1
        return self._fields.matching(wanted)

    def values(self, key: str, products: NDArray[np.int32]) -> list[AttributeValue | None]:
        return self._fields.values(key, products)


@pytest.fixture
def counted() -> tuple[Shop, Counting]:
    snapshots = FakeSnapshots()
    shop = Shop(snapshots)
    fields = Counting(snapshots.versions[1].fields)
    snapshots.versions[1] = replace(snapshots.versions[1], fields=fields)
    shop.live = LiveIndex(snapshots, shop.store, BUNDLE)
    shop.live.refresh()
    return shop, fields


def test_a_snapshot_is_filtered_once_whatever_is_written_after(
    counted: tuple[Shop, Counting],
) -> None:
    shop, fields = counted
    filtering, wanted = Filtering(), parse_filter_text("group:g1 -new:true")
    for _ in range(30):
        kept = filtering.kept(shop.live.snapshot(), wanted)
        assert filtering.kept(shop.live.snapshot(), wanted) is kept
        fresh = Filtering().kept(shop.rebuilt(), wanted)
        assert (kept.count, kept.products) == (fresh.count, fresh.products)
        shop.step()
    assert fields.asked == 1


def test_remembered_filters_are_bounded_with_what_was_written_too(
    counted: tuple[Shop, Counting],
) -> None:
    shop, fields = counted
    for _ in range(20):
        shop.step()
    view = shop.live.snapshot()
    first, second, third = (parse_filter_text(f"group:g{i}") for i in range(3))
    one = view.manifest.rows + len(view.index) + len(view.fields) - view.manifest.products
    filtering = Filtering(max_bytes=2 * one)
    for each in (first, second, first, third):
        filtering.kept(view, each)
    assert fields.asked == 3
    filtering.kept(view, first)
    assert fields.asked == 3, "used since"
    filtering.kept(view, second)
    assert fields.asked == 4, "used longest ago"
