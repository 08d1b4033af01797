"""Facets count products by value, as filters compare values."""

import numpy as np
import pytest

from service.core.types import AttributeValue, Product
from service.pipeline.facets import Facet, count_facets
from support.fakes import FakeFields


def facet(*values: AttributeValue | None) -> Facet:
    """Of the attribute x of products with these values."""
    products = [
        Product(f"p{i}", attributes={} if value is None else {"x": value})
        for i, value in enumerate(values)
    ]
    every = np.arange(len(products), dtype=np.int32)
    return count_facets(FakeFields(products), ["x"], every)["x"]


def test_texts_are_counted_most_first_and_then_by_name() -> None:
    counted = facet("red", "blue", "red", None, "Blue", "green", "amber")
    assert counted == Facet((("blue", 2), ("red", 2), ("amber", 1), ("green", 1)), missing=1)


def test_a_product_counts_once_for_each_value_of_its_list() -> None:
    counted = facet(("S", "M"), ("M", "m"), "M", None)
    assert counted == Facet((("M", 3), ("S", 1)), missing=1)


def test_numbers_are_shown_as_people_write_them_with_their_span() -> None:
    assert facet(10.0, 9.5, 10.0) == Facet(((10, 2), (9.5, 1)), 0, least=9.5, greatest=10.0)


def test_true_is_not_one() -> None:
    assert facet(True, False, True).values == ((True, 2), (False, 1))


def test_only_these_products_are_counted() -> None:
    fields = FakeFields([Product(f"p{i}", brand=f"b{i % 3}") for i in range(9)])
    counted = count_facets(fields, ["brand", "title"], np.array([0, 3, 1], np.int32))
    assert counted["brand"].values == (("b0", 2), ("b1", 1))
    assert counted["title"] == Facet((), missing=3)


def test_no_more_values_are_listed_than_a_page_can_show() -> None:
    assert len(facet(*(f"v{i:03}" for i in range(80))).values) == 50


@pytest.mark.parametrize("keys", [[], ["brand", "brand"]])
def test_keys_may_be_none_or_repeated(keys: list[str]) -> None:
    fields = FakeFields([Product("p", brand="b")])
    assert set(count_facets(fields, keys, np.zeros(1, np.int32))) == set(keys)
