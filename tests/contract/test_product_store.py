"""What every `ProductStore` keeps to."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.adapters.sqlite_store import SqliteStore
from service.core.types import Product, ProductStore
from support.fakes import FakeProductStore

BUNDLE, OTHER = "b" * 64, "c" * 64
DIM = 8
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


@pytest.fixture(params=["sqlite", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ProductStore]:
    if request.param == "fake":
        yield FakeProductStore()
    else:
        sqlite = SqliteStore(tmp_path / "catalog.db")
        yield sqlite
        sqlite.close()


def image(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def vector(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=DIM).astype(np.float32)


def fill(store: ProductStore, catalog: dict[str, str], *, delete_missing: bool = False) -> int:
    """Run a whole reindex of one-letter pictures; return how many products were removed."""
    run = store.begin_run()
    for id_, images in catalog.items():
        store.put(Product(id=id_), run)
        for name in images:
            store.add_image(id_, image(name), run)
    return store.finish_run(run, delete_missing=delete_missing)


def images_of(store: ProductStore, product_id: str) -> tuple[str, ...]:
    return store.get_many([product_id])[product_id].image_ids


def test_an_incomplete_product_keeps_the_pictures_it_had(store: ProductStore) -> None:
    fill(store, {"a": "xy", "b": "z"})
    run = store.begin_run()
    for id_ in "ab":
        store.put(Product(id=id_), run)
        store.add_image(id_, image("new"), run)
    store.finish_run(run, incomplete={"a"}, delete_missing=False)
    assert set(images_of(store, "a")) == {image("x"), image("y"), image("new")}
    assert images_of(store, "b") == (image("new"),)


def test_an_empty_store_answers(store: ProductStore) -> None:
    assert store.get_many(["nothing"]) == {}
    assert store.get_many([]) == {}
    assert store.list_products(10) == []
    assert store.count_rows(BUNDLE) == 0
    assert store.count_products() == 0
    assert list(store.rows(BUNDLE, 10)) == []
    assert store.sequence() == 0
    assert not store.has_embedding(image("a"), BUNDLE)


def test_products_are_counted_with_pictures_or_without(store: ProductStore) -> None:
    fill(store, {"a": "xy", "b": ""})
    assert store.count_products() == 2
    fill(store, {"b": ""}, delete_missing=True)
    assert store.count_products() == 1


def test_a_product_comes_back_as_it_was(store: ProductStore) -> None:
    assert store.put(SHIRT, store.begin_run())
    store.commit()
    (stored,) = store.get_many([SHIRT.id, "another"]).values()
    assert stored.product == SHIRT
    assert stored.image_ids == ()
    assert type(stored.product.attributes["organic"]) is bool


def test_nothing_is_seen_before_commit(store: ProductStore) -> None:
    run = store.begin_run()
    store.put(SHIRT, run)
    store.add_image(SHIRT.id, image("a"), run)
    store.put_embeddings(BUNDLE, {image("a"): vector(0)})
    assert store.get_many([SHIRT.id]) == {}
    assert not store.has_embedding(image("a"), BUNDLE)
    assert (store.count_rows(BUNDLE), store.sequence()) == (0, 0)
    store.commit()
    assert images_of(store, SHIRT.id) == (image("a"),)
    assert store.has_embedding(image("a"), BUNDLE)
    assert store.count_rows(BUNDLE) == 1
    assert store.sequence() > 0


def test_rollback_takes_back_to_the_last_commit(store: ProductStore) -> None:
    run = store.begin_run()
    store.put(SHIRT, run)
    store.commit()
    store.put(Product(id="2"), run)
    store.put_embeddings(BUNDLE, {image("a"): vector(0)})
    store.rollback()
    store.commit()
    assert [p.product.id for p in store.list_products(10)] == [SHIRT.id]
    assert not store.has_embedding(image("a"), BUNDLE)


def test_of_two_rows_in_a_run_the_first_wins(store: ProductStore) -> None:
    run = store.begin_run()
    assert store.put(SHIRT, run)
    assert not store.put(replace(SHIRT, price=1.0), run)
    store.commit()
    assert store.get_many([SHIRT.id])[SHIRT.id].product == SHIRT
    assert store.put(replace(SHIRT, price=1.0), store.begin_run())
    store.commit()
    assert store.get_many([SHIRT.id])[SHIRT.id].product.price == 1.0


def test_only_a_change_takes_a_number(store: ProductStore) -> None:
    fill(store, {"1": "ab", "2": "c"})
    before = store.sequence()
    fill(store, {"1": "ab", "2": "c"})
    assert store.sequence() == before
    run = store.begin_run()
    store.put(Product(id="1", price=3.0), run)
    store.finish_run(run, delete_missing=False)
    assert store.sequence() > before


@pytest.mark.parametrize(
    ("again", "delete_missing"),
    [({"1": "a", "2": "c"}, False), ({"1": "abd", "2": "c"}, False), ({"1": "ab"}, True)],
    ids=["picture dropped", "picture added", "product removed"],
)
def test_every_change_of_what_is_found_takes_a_number(
    store: ProductStore, again: dict[str, str], delete_missing: bool
) -> None:
    fill(store, {"1": "ab", "2": "c"})
    before = store.sequence()
    fill(store, again, delete_missing=delete_missing)
    assert store.sequence() > before


def test_pictures_keep_the_order_of_the_run(store: ProductStore) -> None:
    fill(store, {"1": "abab"})
    assert images_of(store, "1") == (image("a"), image("b"))
    fill(store, {"1": "cba"})
    assert images_of(store, "1") == (image("c"), image("b"), image("a"))


def test_a_run_drops_what_it_replaced(store: ProductStore) -> None:
    fill(store, {"1": "ab", "2": "c", "3": "d"})
    assert fill(store, {"1": "be", "2": ""}) == 0
    assert images_of(store, "1") == (image("b"), image("e"))
    assert images_of(store, "2") == (image("c"),), "no new picture: the old ones stay"
    assert images_of(store, "3") == (image("d"),), "not in the run: untouched"


def test_missing_products_go_when_asked(store: ProductStore) -> None:
    fill(store, {"1": "a", "2": "b", "3": "b"})
    store.put_embeddings(BUNDLE, {image("a"): vector(0), image("b"): vector(1)})
    store.commit()
    assert fill(store, {"2": "b"}, delete_missing=True) == 2
    assert [p.product.id for p in store.list_products(10)] == ["2"]
    assert store.count_rows(BUNDLE) == 1
    assert store.has_embedding(image("a"), BUNDLE), "a vector outlives its product"


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_rows_come_in_order_with_their_vectors(store: ProductStore, batch: int) -> None:
    fill(store, {"2": "ab", "1": "b", "3": "xc", "4": ""})
    vectors = {image(name): vector(i) for i, name in enumerate("abc")}
    store.put_embeddings(BUNDLE, vectors)
    store.put_embeddings(OTHER, {image("x"): vector(9)})
    store.commit()
    parts = list(store.rows(BUNDLE, batch))
    rows = [pair for part in parts for pair in zip(part.product_ids, part.image_ids, strict=True)]
    assert rows == [("2", image("a")), ("2", image("b")), ("1", image("b")), ("3", image("c"))]
    found = np.concatenate([part.vectors for part in parts])
    assert np.array_equal(found, np.stack([vectors[image_id] for _, image_id in rows]))
    assert found.dtype == np.float32
    assert max(len(part.image_ids) for part in parts) <= batch
    assert (store.count_rows(BUNDLE), store.count_rows(OTHER)) == (4, 1)


def test_a_vector_that_is_there_stays(store: ProductStore) -> None:
    fill(store, {"1": "a"})
    store.put_embeddings(BUNDLE, {image("a"): vector(0)})
    store.put_embeddings(BUNDLE, {image("a"): vector(1)})
    store.commit()
    (part,) = store.rows(BUNDLE, 10)
    assert np.array_equal(part.vectors[0], vector(0))
    assert not store.has_embedding(image("a"), OTHER)


def test_products_are_listed_by_insertion(store: ProductStore) -> None:
    fill(store, {"z": "a", "a": "b", "m": ""})
    fill(store, {"m": "", "z": "a"})
    assert [p.product.id for p in store.list_products(10)] == ["z", "a", "m"]
    assert [p.product.id for p in store.list_products(2)] == ["z", "a"]


def test_any_number_of_products_can_be_asked_for(store: ProductStore) -> None:
    """SQLite takes 32,766 parameters; nobody should have to know."""
    fill(store, {"1": "a", "39999": "b"})
    found = store.get_many([str(i) for i in range(40_000)])
    assert {id_: p.image_ids for id_, p in found.items()} == {
        "1": (image("a"),),
        "39999": (image("b"),),
    }
