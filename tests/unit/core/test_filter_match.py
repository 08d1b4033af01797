"""Products in memory against a filter: as a snapshot's, in answer and in refusal."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from service.core.errors import InvalidFilterError
from service.core.filter_match import folded
from service.core.filter_text import parse_filter_text
from service.core.listed_columns import ListedColumns
from service.core.listed_fields import ListedFields
from service.core.product_kinds import FieldKind
from service.core.types import AttributeValue, Product
from support.product_columns import columns_of

SHOES = [
    Product("s1", "Runner", "Shoes", "Nike", 120.0, "EUR", "in_stock", "https://shop.example/S1"),
    Product("S1", "Boot", "Shoes > Boots", "NIKE", 200.0, attributes={"size": ("36", "40.5")}),
    Product("s3", "Slipper", "Shoes", "", None, attributes={"new": False, "colour": "ΤΥΠΟΣ"}),
    Product("s4", attributes={"new": True, "size": (), "colour": ("", "\u0130ris", "10")}),
]


def listed(products: Sequence[Product], kinds: Mapping[str, FieldKind]) -> ListedFields:
    columns = ListedColumns([product.fields() for product in products])
    return ListedFields(columns, len(products), kinds)


@pytest.mark.parametrize(
    "text",
    [
        "brand:nike", "-brand:nike", "brand:*", "-brand:*", "id:s1", "id:S1", "price:100..",
        "price:1.2e2,200", "-price:..150", "size:36", "size:40..41", "-size:*", "new:TRUE",
        "new:false", "-new:false", "colour:τυποσ", "colour:iris", "colour:10", "-colour:10",
        "url:https://shop.example/s1", "url:https://shop.example/S1", "brand:nike price:..150",
        '{"should": [{"key": "new", "match": true}, {"key": "price", "range": {"gt": 120}}]}', "{}",
    ],
)  # fmt: skip
def test_it_matches_what_the_columns_match(tmp_path: Path, text: str) -> None:
    columns, wanted = columns_of(tmp_path, SHOES), parse_filter_text(text)
    found = listed(SHOES, columns.kinds()).matching(wanted)
    assert found.tolist() == columns.matching(wanted).tolist()


@pytest.mark.parametrize(
    "text", ["size:large", "price:1..2 new:1", "brand:1..2", "new:1..2", "shape:round", "-shape:*"]
)
def test_it_refuses_in_the_words_of_the_columns(tmp_path: Path, text: str) -> None:
    columns, wanted = columns_of(tmp_path, SHOES), parse_filter_text(text)
    with pytest.raises(InvalidFilterError) as theirs:
        columns.matching(wanted)
    with pytest.raises(InvalidFilterError) as ours:
        listed(SHOES, columns.kinds()).matching(wanted)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    ("kind", "value", "text", "expected"),
    [
        ("number", "XL", "x:*", False),
        ("number", ("XL", "40"), "x:40", True),
        ("number", "007", "x:7", False),
        ("truth", "true", "x:true", False),
        ("truth", True, "x:true", True),
        ("text", 10.0, "x:10", True),
        ("text", True, "x:TRUE", True),
    ],
)
def test_a_value_of_another_kind_than_the_field_s_is_a_gap(
    kind: FieldKind, value: AttributeValue, text: str, expected: bool
) -> None:
    fields = ListedFields(ListedColumns([{"x": value}]), 1, {"x": kind})
    assert fields.matching(parse_filter_text(text)).tolist() == [expected]


def test_products_that_came_later_are_found_by_those_who_know_of_them() -> None:
    """Whoever asks first, and whatever text was asked for before any product had it."""
    growing = [product.fields() for product in SHOES[:2]]
    columns, kinds = ListedColumns(growing), {"brand": "text", "id": "text"}
    wanted = [parse_filter_text(text) for text in ("brand:nike", "brand:puma", "-brand:puma")]

    def found(count: int) -> list[list[bool]]:
        view = ListedFields(columns, count, kinds)
        return [view.matching(each).tolist() for each in wanted]

    assert found(2) == [[True, True], [False, False], [True, True]]
    growing += [Product("p", brand="PUMA").fields(), Product("q", brand="Nike").fields()]
    later = [
        [True, True, False, True], [False, False, True, False], [True, True, False, True],
    ]  # fmt: skip
    assert found(4) == later
    assert found(3) == [row[:3] for row in later]
    assert found(2) == [row[:2] for row in later]


def test_a_field_that_became_another_kind_is_read_anew() -> None:
    columns = ListedColumns([{"x": "7"}, {"x": "0042"}])
    wanted = parse_filter_text("x:7")
    assert ListedFields(columns, 1, {"x": "number"}).matching(wanted).tolist() == [True]
    assert ListedFields(columns, 2, {"x": "text"}).matching(wanted).tolist() == [True, False]
    assert ListedFields(columns, 2, {"x": "number"}).matching(wanted).tolist() == [True, False]


def test_letters_are_lower_cased_as_arrow_does() -> None:
    """All that this Python knows of; what came to Unicode later is left as it is."""
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    known = [letter for letter in every if unicodedata.category(letter) != "Cn"]
    assert differing(known) == []
    assert differing(["ΟΔΥΣΣΕΥΣ", "STRASSE", "İSTANBUL", "Straße", "ǅ", "Éte\u0301"]) == []
    newer = [letter for letter in every if unicodedata.category(letter) == "Cn"]
    assert [letter for letter in newer if folded(letter) != letter] == []


def differing(texts: Sequence[str]) -> list[str]:
    theirs = pc.utf8_lower(pa.array(texts, pa.string())).to_pylist()
    return [text for text, other in zip(texts, theirs, strict=True) if folded(text) != other]
