"""What every `ProductStore` keeps to: reads, and the run that brings it up to a source."""

from dataclasses import replace

import numpy as np
import pytest

from service.core.store import KnownDownload, ProductStore, RunTotals, SeenRow
from service.core.types import Product, Validators
from support.catalog import (
    BUNDLE,
    OTHER,
    count_rows,
    image,
    images,
    images_of,
    reindex,
    rows_of,
    vector,
)

SHIRT = Product(
    id="shirt/1 é",
    title="Blue “wide” shirt",
    category="Shirts",
    brand="Ada",
    price=12.5,
    currency="EUR",
    availability="in stock",
    url="https://shop.example/1",
    attributes={"colour": "blue", "sizes": ("S", "M"), "pockets": 2, "organic": True, "g": 180.5},
)


def merge(store: ProductStore, *rows: SeenRow) -> None:
    with store.run(BUNDLE) as run:
        run.merge(rows, {})


# Reads


def test_an_empty_store_answers(store: ProductStore) -> None:
    assert store.get_many(["nothing"]) == {}
    assert store.get_many([]) == {}
    assert store.list_products(10) == []
    assert store.count_products() == 0
    assert store.sequence() == 0
    assert store.embedded([image("a")], BUNDLE) == set()
    assert store.downloads(["https://shop.example/a.jpg"]) == {}
    assert store.replay(0, BUNDLE).products == {}
    with store.view() as view:
        assert (view.count_products(), view.count_rows(BUNDLE), view.sequence()) == (0, 0, 0)
        assert list(view.rows(BUNDLE, 10)) == []
        assert view.get_many(["nothing"]) == {}


def test_products_of_which_no_picture_has_a_vector_are_found(store: ProductStore) -> None:
    catalog = {"a": "x", "none": "", "b": "yx", "lost": "q"}
    reindex(store, catalog, {image(name): vector(1) for name in "xy"})
    with store.view() as view:
        found = view.without_vectors(BUNDLE)
        assert [(each.product.id, each.image_ids) for each in found] == [
            ("none", ()),
            ("lost", images("q")),
        ]
        assert [each.product.id for each in view.without_vectors(OTHER)] == list(catalog)


def test_products_are_counted_with_pictures_or_without(store: ProductStore) -> None:
    reindex(store, {"a": "xy", "b": ""})
    assert store.count_products() == 2
    reindex(store, {"b": ""}, delete_missing=True)
    assert store.count_products() == 1


def test_a_product_comes_back_as_it_was(store: ProductStore) -> None:
    merge(store, SeenRow(SHIRT))
    (stored,) = store.get_many([SHIRT.id, "another"]).values()
    assert stored.product == SHIRT
    assert stored.image_ids == ()
    assert stored.revision == store.sequence() > 0
    assert type(stored.product.attributes["organic"]) is bool
    with store.view() as view:
        assert view.get_many([SHIRT.id]) == {SHIRT.id: stored}


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_rows_come_in_order_with_their_vectors(store: ProductStore, batch: int) -> None:
    vectors = {image(name): vector(i) for i, name in enumerate("abc")}
    reindex(store, {"2": "ab", "1": "b", "3": "xc", "4": ""}, vectors)
    with store.run(OTHER) as run:
        run.merge([], {image("x"): vector(9)})
    parts = rows_of(store, batch=batch)
    rows = [pair for part in parts for pair in zip(part.product_ids, part.image_ids, strict=True)]
    assert rows == [("2", image("a")), ("2", image("b")), ("1", image("b")), ("3", image("c"))]
    found = np.concatenate([part.vectors for part in parts])
    assert np.array_equal(found, np.stack([vectors[image_id] for _, image_id in rows]))
    assert found.dtype == np.float32
    assert max(len(part.image_ids) for part in parts) <= batch
    assert (count_rows(store), count_rows(store, OTHER)) == (4, 1)


def test_products_are_listed_by_insertion(store: ProductStore) -> None:
    reindex(store, {"z": "a", "a": "b", "m": ""})
    reindex(store, {"m": "", "z": "a"})
    assert [p.product.id for p in store.list_products(10)] == ["z", "a", "m"]
    assert [p.product.id for p in store.list_products(2)] == ["z", "a"]


def test_any_number_of_products_can_be_asked_for(store: ProductStore) -> None:
    """SQLite takes 32,766 parameters; nobody should have to know."""
    reindex(store, {"1": "a", "39999": "b"}, {image("a"): vector(0)})
    found = store.get_many([str(i) for i in range(40_000)])
    assert {id_: p.image_ids for id_, p in found.items()} == {
        "1": (image("a"),),
        "39999": (image("b"),),
    }
    asked = [image("a"), *(image(str(i)) for i in range(40_000))]
    assert store.embedded(asked, BUNDLE) == {image("a")}
    assert store.downloads([f"https://shop.example/{i}" for i in range(40_000)]) == {}


def test_a_view_is_one_moment_while_writes_go_on(store: ProductStore) -> None:
    vectors = {image(name): vector(i) for i, name in enumerate("abc")}
    reindex(store, {"1": "a", "2": "b"}, vectors)
    with store.view() as view:
        before = store.sequence()
        rows = view.rows(BUNDLE, 1)
        first = next(rows)
        reindex(store, {"1": "ac", "3": "b"}, delete_missing=True)
        assert view.sequence() == before < store.sequence()
        assert [first.product_ids, *(part.product_ids for part in rows)] == [["1"], ["2"]]
        assert (view.count_products(), view.count_rows(BUNDLE)) == (2, 2)
        assert view.get_many(["1", "2", "3"]).keys() == {"1", "2"}
        assert view.get_many(["1"])["1"].image_ids == (image("a"),)
    assert count_rows(store) == 3
    assert store.get_many(["1", "2", "3"]).keys() == {"1", "3"}


# Runs


def test_what_is_merged_stays_where_the_run_breaks_off(store: ProductStore) -> None:
    with store.run(BUNDLE) as run:
        run.merge([SeenRow(SHIRT, image("a"))], {image("a"): vector(0)})
        assert images_of(store, SHIRT.id) == (image("a"),)
    assert images_of(store, SHIRT.id) == (image("a"),)
    assert store.embedded([image("a"), image("b")], BUNDLE) == {image("a")}
    assert count_rows(store) == 1
    assert store.sequence() > 0


def test_of_two_rows_in_a_run_the_first_wins(store: ProductStore) -> None:
    cheap = replace(SHIRT, price=1.0)
    with store.run(BUNDLE) as run:
        run.merge([SeenRow(SHIRT), SeenRow(cheap)], {})
        run.merge([SeenRow(cheap)], {})
    assert store.get_many([SHIRT.id])[SHIRT.id].product == SHIRT
    merge(store, SeenRow(cheap))
    assert store.get_many([SHIRT.id])[SHIRT.id].product.price == 1.0


def test_a_vector_that_is_there_stays(store: ProductStore) -> None:
    reindex(store, {"1": "a"}, {image("a"): vector(0)})
    reindex(store, {"1": "a"}, {image("a"): vector(1)})
    (part,) = rows_of(store)
    assert np.array_equal(part.vectors[0], vector(0))
    assert store.embedded([image("a")], OTHER) == set()


def test_only_a_change_takes_a_number(store: ProductStore) -> None:
    reindex(store, {"1": "ab", "2": "c"})
    before, stored = store.sequence(), store.list_products(10)
    assert reindex(store, {"1": "ab", "2": "c"}) == RunTotals(
        products=2, new=0, changed=0, removed=0
    )
    assert store.sequence() == before
    assert store.list_products(10) == stored
    with store.run(BUNDLE) as run:
        run.merge([SeenRow(Product(id="1", price=3.0))], {})
        totals = run.finish(incomplete=(), delete_missing=False)
    assert totals == RunTotals(products=1, new=0, changed=1, removed=0)
    assert store.sequence() == store.get_many(["1"])["1"].revision > before
    assert store.get_many(["2"])["2"] == stored[1]


@pytest.mark.parametrize(
    ("again", "delete_missing", "totals"),
    [
        ({"1": "a", "2": "c"}, False, RunTotals(products=2, new=0, changed=1, removed=0)),
        ({"1": "abd", "2": "c"}, False, RunTotals(products=2, new=0, changed=1, removed=0)),
        ({"1": "ba", "2": "c"}, False, RunTotals(products=2, new=0, changed=1, removed=0)),
        ({"1": "ab"}, True, RunTotals(products=1, new=0, changed=0, removed=1)),
        ({"3": "ab", "2": "d"}, False, RunTotals(products=2, new=1, changed=1, removed=0)),
    ],
    ids=["picture dropped", "picture added", "order", "product removed", "new"],
)
def test_every_change_of_what_is_found_takes_a_number(
    store: ProductStore, again: dict[str, str], delete_missing: bool, totals: RunTotals
) -> None:
    reindex(store, {"1": "ab", "2": "c"})
    before = store.sequence()
    assert reindex(store, again, delete_missing=delete_missing) == totals
    assert store.sequence() > before


def test_pictures_keep_the_order_of_the_run(store: ProductStore) -> None:
    reindex(store, {"1": "abab"})
    assert images_of(store, "1") == (image("a"), image("b"))
    reindex(store, {"1": "cba"})
    assert images_of(store, "1") == (image("c"), image("b"), image("a"))
    with store.run(BUNDLE) as run:
        for name in "bda":
            run.merge([SeenRow(Product("1"), image(name))], {})
        run.finish(incomplete=(), delete_missing=False)
    assert images_of(store, "1") == (image("b"), image("d"), image("a"))


def test_a_run_drops_what_it_replaced(store: ProductStore) -> None:
    reindex(store, {"1": "ab", "2": "c", "3": "d"})
    assert reindex(store, {"1": "be", "2": ""}) == RunTotals(
        products=2, new=0, changed=1, removed=0
    )
    assert images_of(store, "1") == (image("b"), image("e"))
    assert images_of(store, "2") == (image("c"),), "no new picture: the old ones stay"
    assert images_of(store, "3") == (image("d"),), "not in the run: untouched"


def test_an_incomplete_product_keeps_the_pictures_it_had(store: ProductStore) -> None:
    reindex(store, {"a": "xy", "b": "z"})
    with store.run(BUNDLE) as run:
        run.merge([SeenRow(Product(id_), image("new")) for id_ in "ab"], {})
        run.finish(incomplete={"a"}, delete_missing=False)
    assert set(images_of(store, "a")) == {image("x"), image("y"), image("new")}
    assert images_of(store, "b") == (image("new"),)


def test_missing_products_go_when_asked(store: ProductStore) -> None:
    reindex(store, {"1": "a", "2": "b", "3": "b"}, {image("a"): vector(0), image("b"): vector(1)})
    assert reindex(store, {"2": "b"}, delete_missing=True).removed == 2
    assert [p.product.id for p in store.list_products(10)] == ["2"]
    assert count_rows(store) == 1
    assert store.embedded([image("a")], BUNDLE) == {image("a")}, "a vector outlives its product"


def test_more_than_one_transaction_s_worth_is_replaced_and_removed(store: ProductStore) -> None:
    reindex(store, {f"p{i}": "a" for i in range(4321)})
    again = {f"p{i}": "b" for i in range(2100)}
    totals = reindex(store, again, delete_missing=True)
    assert totals == RunTotals(products=2100, new=0, changed=2100, removed=2221)
    assert {p.image_ids for p in store.list_products(10_000)} == {(image("b"),)}
    assert store.count_products() == 2100


def test_products_that_are_kept_are_seen_and_stay_as_they_are(store: ProductStore) -> None:
    reindex(store, {"1": "ab", "2": "c", "3": "d"})
    stored = store.get_many(["1", "2"])
    with store.run(BUNDLE) as run:
        run.keep(["1", "2"])
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=2, new=0, changed=0, removed=1)
    assert store.get_many(["1", "2", "3"]) == stored


def test_a_product_that_is_kept_for_one_row_loses_nothing_to_another(store: ProductStore) -> None:
    reindex(store, {"1": "ab", "2": "ab"})
    with store.run(BUNDLE) as run:
        run.keep(["1"])
        run.merge([SeenRow(Product(id_, title="new"), image("c")) for id_ in "12"], {})
        run.keep(["2"])
        run.finish(incomplete=(), delete_missing=True)
    for id_ in "12":
        assert images_of(store, id_) == (image("a"), image("b"), image("c"))
    titles = [p.product.title for p in store.list_products(2)]
    assert titles == ["", "new"], "the first row of each wins"


def test_a_product_that_is_kept_after_its_row_changes_its_fields_alone(
    store: ProductStore,
) -> None:
    """As one whose picture failed: its row is merged first, then it is kept."""
    reindex(store, {"1": "ab"})
    with store.run(BUNDLE) as run:
        run.merge([SeenRow(Product("1", title="new"), image("c"))], {})
        run.keep(["1"])
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=1, new=0, changed=1, removed=0)
    assert store.get_many(["1"])["1"].product.title == "new"
    assert images_of(store, "1") == images("abc")


def test_a_run_tells_what_it_did_so_far(store: ProductStore) -> None:
    """Which counts where it is left before it finishes."""
    reindex(store, {"1": "a", "2": "b", "3": "c"})
    with store.run(BUNDLE) as run:
        assert run.totals() == RunTotals(products=0, new=0, changed=0, removed=0)
        run.merge([SeenRow(Product("1", title="new")), SeenRow(Product("4"), image("d"))], {})
        run.keep(["2"])
        assert run.totals() == RunTotals(products=3, new=1, changed=1, removed=0)
        assert run.finish(incomplete=(), delete_missing=True).removed == 1
        assert run.totals() == RunTotals(products=3, new=1, changed=1, removed=1)


def test_a_dry_run_writes_nothing_and_counts_the_same(store: ProductStore) -> None:
    reindex(store, {"1": "ab", "2": "c", "3": "d", "4": "e", "5": "xy"}, {image("a"): vector(0)})
    before = (store.sequence(), store.list_products(10), count_rows(store))
    download = KnownDownload("https://shop.example/n", image("n"), Validators("e"))
    totals = []
    for dry in (True, True, False):
        with store.run(BUNDLE, dry=dry) as run:
            run.merge(
                [
                    SeenRow(Product("1"), image("b")),
                    SeenRow(Product("2", price=2.0), image("c")),
                    SeenRow(Product("new"), image("n"), download),
                ],
                {image("n"): vector(1)},
            )
            run.merge(
                [
                    SeenRow(Product("1"), image("a")),
                    SeenRow(Product("2", price=2.0), image("f")),
                    SeenRow(Product("new"), image("o")),
                    SeenRow(Product("5"), image("y")),
                ],
                {},
            )
            run.keep(["4"])
            totals.append(run.finish(incomplete={"5"}, delete_missing=True))
        if dry:
            assert (store.sequence(), store.list_products(10), count_rows(store)) == before
            assert store.downloads([download.url]) == {}
            assert store.embedded([image("n")], BUNDLE) == set()
    assert totals == [RunTotals(products=5, new=1, changed=2, removed=1)] * 3
    assert [p.product.id for p in store.list_products(10)] == ["1", "2", "4", "5", "new"]
    assert images_of(store, "1") == (image("b"), image("a"))


def test_what_is_behind_a_url_is_known_from_the_merge_on(store: ProductStore) -> None:
    one = KnownDownload("https://shop.example/1", image("a"), Validators('"x"', "Mon"))
    two = KnownDownload("https://shop.example/2?é=1", image("a"), Validators())
    with store.run(BUNDLE) as run:
        run.merge([SeenRow(Product("1"), image("a"), d) for d in (one, two)], {})
        assert store.downloads([one.url, two.url, "https://shop.example/3"]) == {
            one.url: one,
            two.url: two,
        }
        changed = replace(one, image_id=image("b"), validators=Validators('"y"'))
        before = store.sequence()
        run.merge([SeenRow(Product("1"), None, changed)], {})
    assert store.downloads([one.url]) == {one.url: changed}
    assert store.sequence() == before, "no product changed"
