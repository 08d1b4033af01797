"""Live writes to a `ProductStore`: whole, in turns with a run, and told again to who asks."""

from dataclasses import replace

import numpy as np
import pytest

from service.core.errors import ProductNotFoundError, RevisionError
from service.core.store import ProductStore, RunTotals, SeenRow, Write, WriteResult, Written
from service.core.types import Product, StoredProduct
from support.catalog import (
    BUNDLE,
    DIM,
    OTHER,
    count_rows,
    image,
    images,
    images_of,
    reindex,
    vectors,
)

A, B = Product("a", title="A", attributes={"sizes": ("S", "M"), "n": 1}), Product("b", price=2.0)


def write(store: ProductStore, *writes: Write, embedded: str = "") -> list[WriteResult]:
    return store.write(writes, BUNDLE, vectors(embedded))


def written(store: ProductStore, *writes: Write, embedded: str = "") -> list[Written]:
    results = write(store, *writes, embedded=embedded)
    assert all(isinstance(result, Written) for result in results)
    return [result for result in results if isinstance(result, Written)]


def ids(store: ProductStore) -> list[str]:
    return [stored.product.id for stored in store.list_products(100)]


# Writing


def test_what_is_written_is_there(store: ProductStore) -> None:
    one, other = written(store, Write("a", A, images("xy")), Write("b", B), embedded="x")
    assert one.created
    assert isinstance(one.stored, StoredProduct)
    assert (one.stored.product, one.stored.image_ids) == (A, images("xy"))
    assert one.stored.revision == one.revision < other.revision == store.sequence()
    assert store.get_many(["a", "b"]) == {"a": one.stored, "b": other.stored}
    assert ids(store) == ["a", "b"]
    assert (count_rows(store), store.embedded(images("xy"), BUNDLE)) == (1, {image("x")})


def test_a_product_is_replaced_whole_and_pictures_only_if_given(store: ProductStore) -> None:
    (first,) = written(store, Write("a", A, images("xyz")), embedded="xyz")
    (second,) = written(store, Write("a", Product("a", brand="New")))
    assert not second.created
    assert store.get_many(["a"])["a"] == second.stored
    assert second.stored == replace(
        second.stored, product=Product("a", brand="New"), image_ids=images("xyz")
    )
    assert second.revision > first.revision
    written(store, Write("a", A, images("zwxz")), embedded="w")
    assert images_of(store, "a") == images("zwx")
    assert count_rows(store) == 3
    written(store, Write("a", A, ()))
    assert images_of(store, "a") == ()
    assert count_rows(store) == 0


def test_a_write_that_changes_nothing_still_takes_a_number(store: ProductStore) -> None:
    """What it says may not show yet: its pictures may have come by a run not yet promoted."""
    reindex(store, {"a": "x"}, vectors("x"))
    before = store.sequence()
    (same,) = written(store, Write("a", Product("a"), images("x")))
    assert same.revision == store.sequence() > before
    assert list(store.replay(before, BUNDLE).products) == ["a"]


def test_a_deleted_product_is_gone_with_its_pictures_and_keeps_its_vectors(
    store: ProductStore,
) -> None:
    written(store, Write("a", A, images("x")), Write("b", B, images("x")), embedded="x")
    (gone,) = written(store, Write("a", None))
    assert (gone.stored, gone.created, gone.revision) == (None, False, store.sequence())
    assert ids(store) == ["b"]
    assert (count_rows(store), store.embedded(images("x"), BUNDLE)) == (1, set(images("x")))
    (again,) = written(store, Write("a", A))
    assert again.created
    assert images_of(store, "a") == ()


def test_deleting_what_is_not_there_says_so(store: ProductStore) -> None:
    (no,) = write(store, Write("a", None))
    assert isinstance(no, ProductNotFoundError)
    assert "'a'" in str(no)
    (no,) = write(store, Write("a", None, expected=3))
    assert isinstance(no, ProductNotFoundError)
    assert store.sequence() == 0


def test_a_write_is_refused_where_the_revision_is_another(store: ProductStore) -> None:
    (first,) = written(store, Write("a", A, images("x"), expected=0))
    (second,) = written(store, Write("a", A, expected=first.revision))
    before = store.sequence()
    for refused in (
        Write("a", Product("a"), expected=first.revision),
        Write("a", None, expected=first.revision),
        Write("a", Product("a"), (), expected=0),
        Write("b", B, expected=second.revision),
    ):
        (no,) = write(store, refused)
        assert isinstance(no, RevisionError)
        assert repr(refused.product_id) in str(no)
        assert refused.expected == 0 or str(refused.expected) in str(no)
        if refused.product_id == "a":
            assert str(second.revision) in str(no)
    assert store.sequence() == before
    assert store.get_many(["a", "b"]) == {"a": second.stored}
    (gone,) = written(store, Write("a", None, expected=second.revision))
    assert gone.stored is None


def test_the_writes_of_a_batch_see_each_other_and_fail_alone(store: ProductStore) -> None:
    results = write(
        store,
        Write("a", A, images("x"), expected=0),
        Write("a", A, expected=0),
        Write("nothing", None),
        Write("a", Product("a"), images("y")),
        Write("b", B),
        Write("b", None),
        Write("c", Product("c")),
        embedded="xy",
    )
    kinds = [type(result) for result in results]
    assert kinds == [Written, RevisionError, ProductNotFoundError, *[Written] * 4]
    assert ids(store) == ["a", "c"]
    assert images_of(store, "a") == images("y")
    numbers = [result.revision for result in results if isinstance(result, Written)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == store.sequence()


def test_a_product_cannot_be_put_under_the_id_of_another() -> None:
    with pytest.raises(ValueError, match="'b' cannot be put as 'a'"):
        Write("a", B)


def test_any_number_of_pictures_and_writes_at_once(store: ProductStore) -> None:
    many = tuple(image(str(i)) for i in range(3000))
    written(store, Write("a", A, many), *(Write(f"p{i}", Product(f"p{i}")) for i in range(2000)))
    assert images_of(store, "a") == many
    assert store.count_products() == 2001


# Beside a run


def test_a_live_write_during_a_run_wins(store: ProductStore) -> None:
    reindex(store, {"before": "x", "between": "x", "after": "x", "other": "x"}, vectors("x"))
    source = [Product(id_, title="run") for id_ in ("before", "between", "after", "other")]
    with store.run(BUNDLE) as run:
        live = Product("before", title="live")
        written(store, Write("before", live, images("l")), embedded="l")
        run.merge([SeenRow(product, image("r")) for product in source[:1]], vectors("r"))
        run.merge([SeenRow(product, image("r")) for product in source[1:]], {})
        written(store, Write("after", replace(live, id="after"), images("lx")))
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=4, new=0, changed=3, removed=0)
    found = {p.product.id: (p.product.title, p.image_ids) for p in store.list_products(10)}
    assert found == {
        "before": ("live", images("l")),
        "between": ("run", images("r")),
        "after": ("live", images("lx")),
        "other": ("run", images("r")),
    }


def test_what_is_written_or_deleted_during_a_run_is_not_undone_by_it(store: ProductStore) -> None:
    reindex(store, {"a": "x", "b": "x", "c": "x"})
    with store.run(BUNDLE) as run:
        written(store, Write("new", Product("new")), Write("c", Product("c", title="live")))
        written(store, Write("b", None))
        run.merge([SeenRow(Product("a"), image("x")), SeenRow(Product("b"), image("x"))], {})
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=2, new=0, changed=0, removed=0)
    assert ids(store) == ["a", "c", "new"]
    assert store.get_many(["c"])["c"].product.title == "live"


def test_what_was_written_before_a_run_is_the_run_s_to_change(store: ProductStore) -> None:
    written(store, Write("a", A, images("x")), Write("b", B), Write("c", Product("c")))
    written(store, Write("c", None))
    assert reindex(store, {"a": "y"}, delete_missing=True) == RunTotals(
        products=1, new=0, changed=1, removed=1
    )
    assert ids(store) == ["a"]
    assert store.get_many(["a"])["a"].product == Product("a")


@pytest.mark.parametrize("dry", [False, True])
def test_a_dry_run_counts_as_a_run_does_beside_live_writes(store: ProductStore, dry: bool) -> None:
    reindex(store, {"a": "x", "b": "x", "c": "x", "d": "x"})
    with store.run(BUNDLE, dry=dry) as run:
        run.merge([SeenRow(Product("a", title="run"), image("x"))], {})
        written(store, Write("b", B), Write("d", None))
        run.merge([SeenRow(Product("d"), image("x"))], {})
        totals = run.finish(incomplete=(), delete_missing=True)
    assert totals == RunTotals(products=2, new=0, changed=1, removed=1)
    assert ids(store) == (["a", "b", "c"] if dry else ["a", "b"])


# Replay


def test_a_replay_tells_of_live_writes_as_they_are_now(store: ProductStore) -> None:
    reindex(store, {"old": "x"}, vectors("xyz"))
    built = store.sequence()
    written(store, Write("a", A, images("x")), Write("b", B, images("x")))
    written(store, Write("c", Product("c")))
    written(store, Write("a", A, images("zqy")), Write("b", None))
    replay = store.replay(built, BUNDLE)
    assert replay.sequence == store.sequence()
    assert list(replay.products) == ["a", "b", "c"]
    assert replay.products["b"] is None
    shown = replay.products["a"]
    assert shown is not None
    assert (shown.product, shown.image_ids) == (A, images("zy")), "q has no vector"
    expected = np.stack([vectors("zy")[image(name)] for name in "zy"])
    assert shown.vectors.dtype == np.float32
    np.testing.assert_array_equal(shown.vectors, expected)
    bare = replay.products["c"]
    assert bare is not None
    assert (bare.image_ids, bare.vectors.shape) == ((), (0, DIM))
    other = store.replay(built, OTHER).products["a"]
    assert other is not None
    assert other.image_ids == ()


def test_a_replay_tells_nothing_twice(store: ProductStore) -> None:
    written(store, Write("a", A))
    first = store.replay(0, BUNDLE)
    assert store.replay(first.sequence, BUNDLE).products == {}
    written(store, Write("b", B))
    second = store.replay(first.sequence, BUNDLE)
    assert list(second.products) == ["b"]
    assert second.sequence > first.sequence


def test_what_a_run_put_is_not_replayed_and_what_it_deleted_is(store: ProductStore) -> None:
    reindex(store, {"a": "x", "b": "x", "c": "x"}, vectors("xy"))
    built = store.sequence()
    reindex(store, {"a": "y", "new": "x"}, delete_missing=True)
    replay = store.replay(built, BUNDLE)
    assert replay.products == {"b": None, "c": None}
    assert replay.sequence == store.sequence()
    reindex(store, {"b": "y"})
    back = store.replay(built, BUNDLE).products["b"]
    assert back is not None
    assert back.image_ids == images("y"), "a product deleted and put again is as it is now"


def test_what_was_written_live_is_replayed_as_a_later_run_left_it(store: ProductStore) -> None:
    written(store, Write("a", A, images("x")), embedded="xy")
    reindex(store, {"a": "y"})
    shown = store.replay(0, BUNDLE).products["a"]
    assert shown is not None
    assert (shown.product, shown.image_ids) == (Product("a"), images("y"))


def test_forgetting_changes_leaves_the_numbers(store: ProductStore) -> None:
    reindex(store, {f"p{i}": "x" for i in range(5)})
    written(store, Write("a", A), Write("b", B))
    last = store.sequence()
    (late,) = written(store, Write("c", Product("c")))
    store.forget_changes(last)
    assert store.sequence() == late.revision
    assert list(store.replay(0, BUNDLE).products) == ["c"]
    store.forget_changes(late.revision)
    assert store.sequence() == late.revision
    assert store.replay(0, BUNDLE).products == {}
    (next_one,) = written(store, Write("a", A, expected=store.get_many(["a"])["a"].revision))
    assert next_one.revision > late.revision
    assert store.sequence() == next_one.revision
    assert reindex(store, {"b": "x"}).changed == 1
    assert store.get_many(["b"])["b"].revision > next_one.revision


# Moments


def test_every_write_leaves_a_stamp_of_its_own(store: ProductStore) -> None:
    stamps = [store.stamp()]
    assert store.stamp() == stamps[0]
    reindex(store, {"1": "a", "2": "b"})
    stamps.append(store.stamp())
    written(store, Write("1", Product("1", title="Other")))
    stamps.append(store.stamp())
    written(store, Write("1", None))
    stamps.append(store.stamp())
    reindex(store, {"2": "b"}, delete_missing=True)
    assert store.stamp() == stamps[-1], "nothing changed"
    reindex(store, {}, delete_missing=True)
    stamps.append(store.stamp())
    assert len(set(stamps)) == len(stamps)
    store.forget_changes(store.sequence())
    assert store.stamp() not in stamps[:-1]
