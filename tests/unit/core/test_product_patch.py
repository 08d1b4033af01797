"""A merge patch of a product, after RFC 7396."""

import pytest

from service.core.errors import InvalidQueryError
from service.core.product_patch import MAX_ATTRIBUTES, ProductPatch
from service.core.types import Product

SHOE = Product(
    "a", title="Shoe", price=10.0, attributes={"colour": "red", "sizes": (41, 42), "old": True}
)


def test_what_is_not_named_stays() -> None:
    assert ProductPatch().applied(SHOE) == SHOE


def test_what_is_named_changes_and_none_empties() -> None:
    changed = ProductPatch(fields={"title": None, "price": None, "brand": "B"}).applied(SHOE)

    assert (changed.title, changed.price, changed.brand) == ("", None, "B")
    assert changed.attributes == SHOE.attributes


def test_attributes_are_merged_by_name() -> None:
    patch = ProductPatch(attributes={"colour": "blue", "old": None, "never": None, "new": 3})

    assert patch.applied(SHOE).attributes == {"colour": "blue", "sizes": (41, 42), "new": 3}


def test_all_attributes_may_go_first() -> None:
    assert ProductPatch(forget_attributes=True).applied(SHOE).attributes == {}


def test_a_product_does_not_grow_beyond_the_bound_but_may_be_there_already() -> None:
    many = Product("a", attributes={f"a{n}": n for n in range(MAX_ATTRIBUTES + 5)})

    assert ProductPatch(fields={"price": 1.0}).applied(many).price == 1.0
    with pytest.raises(InvalidQueryError, match="attributes"):
        ProductPatch(attributes={"more": 1}).applied(many)
