from collections import Counter

import pytest

from service.demo.kinds import KINDS, style_of
from service.demo.palette import COLOURS
from service.demo.patterns import PATTERNS
from service.demo.products import product, products


def test_a_product_does_not_depend_on_how_many_are_made() -> None:
    assert list(products(5))[3] == product(3) == list(products(50))[3]


def test_shops_with_different_seeds_sell_different_goods() -> None:
    assert {p.seed for p in products(50, seed=1)}.isdisjoint(p.seed for p in products(50, seed=2))


def test_a_product_is_pinned_for_ever() -> None:
    # Search quality is measured on these products: a change here invalidates the numbers.
    first = product(0)
    assert (first.id, first.url) == ("demo-000000", "https://shop.example/p/demo-000000")
    assert (first.title, first.category) == ("Zephrine black bowl vase", "Home > Vases")


def test_every_field_is_within_its_vocabulary() -> None:
    kinds = {kind.name: kind for kind in KINDS}
    for item in products(400):
        kind = kinds[item.kind]
        low, high = kind.prices
        assert item.category == kind.category
        assert item.category.count(" > ") == 1
        assert item.colour in COLOURS
        assert item.pattern in PATTERNS
        assert item.audience in kind.audiences
        assert item.availability in {"in_stock", "out_of_stock", "preorder"}
        assert item.currency == "EUR"
        assert low - 3 <= item.price <= high + 3
        assert item.title.startswith(item.brand)
        assert item.colour in item.title
        assert "  " not in item.title


def test_every_kind_style_colour_and_pattern_is_on_sale() -> None:
    items = list(products(3000))
    kinds = {kind.name: kind for kind in KINDS}
    sold = {(item.kind, style_of(kinds[item.kind], item.seed)) for item in items}
    assert sold == {(kind.name, style) for kind in KINDS for style in kind.styles}
    assert {item.colour for item in items} == set(COLOURS)
    assert {item.pattern for item in items} == set(PATTERNS)


@pytest.mark.parametrize("field", ["kind", "brand", "colour"])
def test_no_value_of_a_field_is_rare_or_dominant(field: str) -> None:
    counts = Counter(getattr(item, field) for item in products(3000))
    even = 3000 / len(counts)
    assert 0.6 * even < min(counts.values())
    assert max(counts.values()) < 1.5 * even
