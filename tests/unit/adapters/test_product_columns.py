"""Fields go from the store into Arrow columns, where filters find what docs/filters.md says."""

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.adapters import product_table
from service.adapters.product_columns import ProductColumns, read_products
from service.adapters.product_table import PRODUCT_FILES, write_products
from service.core import product_kinds
from service.core.errors import IndexCorruptError, InvalidFilterError
from service.core.filter_text import parse_filter_text
from service.core.types import AttributeValue, Product, StoredProduct
from support.fake_state import State
from support.fake_store import FakeProductStore, FakeView, fill
from support.product_columns import columns_of

SHOES = [
    Product("s1", "Runner", "Shoes", "Nike", 120.0, "EUR", "in_stock", "https://shop.example/S1"),
    Product("s2", "Court", "Shoes", "Puma", 80.0, availability="sold_out"),
    Product("s3", "Slipper", "Shoes", "", None),
    Product("S1", "Boot", "Shoes > Boots", "NIKE", 200.0),
]


def found(columns: ProductColumns, text: str) -> list[str]:
    """The ids that match, in order."""
    kept = np.flatnonzero(columns.matching(parse_filter_text(text))).astype(np.int32)
    return [str(id_) for id_ in columns.values("id", kept)]


def with_attribute(folder: Path, values: Sequence[AttributeValue | None]) -> ProductColumns:
    """Products a, b, c, ... with these values of `x`."""
    products = [
        Product(chr(97 + i), attributes={} if value is None else {"x": value})
        for i, value in enumerate(values)
    ]
    return columns_of(folder, products)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("brand:nike", ["s1", "S1"]),
        ("brand:PUMA,nike", ["s1", "s2", "S1"]),
        ("-brand:nike", ["s2", "s3"]),
        ("brand:*", ["s1", "s2", "S1"]),
        ("-brand:*", ["s3"]),
        ("price:80..120", ["s1", "s2"]),
        ("price:..199", ["s1", "s2"]),
        ("-price:..199", ["s3", "S1"]),
        ("price:120", ["s1"]),
        ("price:1.2e2,80", ["s1", "s2"]),
        ("id:s1", ["s1"]),
        ("url:https://shop.example/S1", ["s1"]),
        ("url:https://shop.example/s1", []),
        ('category:"shoes > boots"', ["S1"]),
        ("brand:nike price:..150", ["s1"]),
        ("brand:reebok", []),
        ('{"should": [{"key": "brand", "match": "puma"}, {"key": "price", "range": {"gt": 120}}]}',
         ["s2", "S1"]),
        ('{"must": [{"key": "price", "range": {"gt": 80, "lt": 200}}]}', ["s1"]),
        ("{}", ["s1", "s2", "s3", "S1"]),
    ],
)  # fmt: skip
def test_what_is_asked_is_what_is_found(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert found(columns_of(tmp_path, SHOES), text) == expected


def test_digits_in_texts_are_numbers_where_all_of_them_are(tmp_path: Path) -> None:
    """As of a CSV, whose cells are all texts."""
    columns = with_attribute(tmp_path, ["2011", "-0.5", None, "10.0"])
    assert found(columns, "x:..10") == ["b", "d"]
    assert found(columns, "x:10") == ["d"]
    assert found(columns, "x:2011,-0.50") == ["a", "b"]
    assert columns.values("x", np.array([0, 2], np.int32)) == [2011.0, None]


@pytest.mark.parametrize(
    "values",
    [
        ["00123", "123"],
        ["1234567890123456", "1"],
        ["1e5", "1"],
        [" 1", "2"],
        ["", "nan", "1"],
        [2**53 + 1, 2],
        [True, 1],
        [float("inf"), 1.0],
    ],
)
def test_what_might_be_a_code_stays_text(tmp_path: Path, values: Sequence[AttributeValue]) -> None:
    columns = with_attribute(tmp_path, values)
    with pytest.raises(InvalidFilterError, match="'x' holds texts, and a range needs"):
        columns.matching(parse_filter_text("x:1..2"))


def test_codes_that_would_be_one_number_stay_apart(tmp_path: Path) -> None:
    assert found(with_attribute(tmp_path, ["00123", "123"]), "x:123") == ["b"]


def test_truth_values_are_told_from_texts_and_numbers(tmp_path: Path) -> None:
    truths = with_attribute(tmp_path, [True, False, None])
    assert found(truths, "x:TRUE") == ["a"]
    assert found(truths, "x:true,false") == ["a", "b"]
    with pytest.raises(InvalidFilterError, match="'x' holds true or false, and '1' is none"):
        truths.matching(parse_filter_text("x:1"))
    mixed = with_attribute(tmp_path, [True, "yes", 1])
    assert found(mixed, "x:true") == ["a"]
    assert found(mixed, "x:1") == ["c"]


def test_a_list_matches_when_any_of_its_elements_does(tmp_path: Path) -> None:
    columns = with_attribute(tmp_path, [("Red", "blue"), "blue", (), None, ("green",)])
    assert found(columns, "x:BLUE") == ["a", "b"]
    assert found(columns, "x:red,green") == ["a", "e"]
    assert found(columns, "-x:blue") == ["c", "d", "e"]
    assert found(columns, "x:*") == ["a", "b", "e"]
    assert columns.values("x", np.array([0, 1, 3], np.int32)) == [("Red", "blue"), ("blue",), None]


def test_a_list_of_numbers_has_ranges(tmp_path: Path) -> None:
    columns = with_attribute(tmp_path, [(36, 37), (40.5,), "38", None])
    assert found(columns, "x:36.5..38") == ["a", "c"]
    assert found(columns, "x:40.5") == ["b"]


def test_the_two_zeros_are_one(tmp_path: Path) -> None:
    columns = with_attribute(tmp_path, [-0.0, 0.0, 1.0])
    assert found(columns, "x:0") == found(columns, "x:-0") == ["a", "b"]


def test_case_is_ignored_beyond_ascii(tmp_path: Path) -> None:
    columns = with_attribute(tmp_path, ["Grün", "Été", "ЖУК"])
    assert [found(columns, f"x:{text}") for text in ("GRÜN", "éTÉ", "жук")] == [["a"], ["b"], ["c"]]


def test_a_text_that_says_none_is_not_missing(tmp_path: Path) -> None:
    columns = with_attribute(tmp_path, ["None", None])
    assert found(columns, "x:none") == found(columns, "x:*") == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour:red", "no field 'colour'; the fields are: id, title, .*, availability, url$"),
        ("brand:1..2", "'brand' holds texts, and a range needs a field all of whose values"),
        ("price:cheap", "'price' holds numbers, and 'cheap' is none"),
        ("price:true", "'price' holds numbers, and 'true' is none"),
    ],
)  # fmt: skip
def test_what_a_field_cannot_answer_is_refused_and_named(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(InvalidFilterError, match=message):
        columns_of(tmp_path, SHOES).matching(parse_filter_text(text))


def test_own_fields_keep_their_kind_and_hide_attributes_of_their_name(tmp_path: Path) -> None:
    columns = columns_of(tmp_path, [Product("1", brand="1886", attributes={"brand": "other"})])
    assert found(columns, "id:1 brand:1886") == ["1"]
    assert found(columns, "brand:other") == []
    with pytest.raises(InvalidFilterError, match="'brand' holds texts"):
        columns.matching(parse_filter_text("brand:1..2000"))


def test_texts_too_many_for_a_dictionary_are_found_no_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [f"Text {i % 50}" for i in range(100)]
    (tmp_path / "few").mkdir()
    few = with_attribute(tmp_path / "few", values)
    monkeypatch.setattr(product_kinds, "_DISTINCT", 10)
    many = with_attribute(tmp_path, values)
    types = [pa.ipc.open_file(f / "attributes.arrow").schema.field("x").type
             for f in (tmp_path / "few", tmp_path)]  # fmt: skip
    assert types == [pa.dictionary(pa.int32(), pa.string()), pa.string()]
    wanted = parse_filter_text('x:"text 7","TEXT 12"')
    assert few.matching(wanted).tolist() == many.matching(wanted).tolist()
    assert few.matching(wanted).sum() == 4


def test_rows_are_numbered_by_product_in_order_of_the_first(tmp_path: Path) -> None:
    ids = pa.array(["b", "a", "b", "c", "a"])
    table = pa.table({"image_id": ids, "product_id": ids})
    with pa.ipc.new_file(str(tmp_path / "products.arrow"), table.schema) as file:
        file.write_table(table, max_chunksize=2)
    store = FakeProductStore()
    fill(store, [(Product(id_), ()) for id_ in "abc"], "")
    with store.view() as view:
        write_products(tmp_path, view)
    columns, numbers = read_products(tmp_path)
    assert numbers.tolist() == [0, 1, 0, 2, 1]
    assert columns.values("id", np.arange(3, dtype=np.int32)) == ["b", "a", "c"]


def test_memory_does_not_grow_with_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Generated(FakeView):
        def get_many(self, product_ids: Sequence[str]) -> dict[str, StoredProduct]:
            attributes = {f"x{i}": ("a" * 20, "b") for i in range(5)}
            return {
                id_: StoredProduct(Product(id_, attributes={**attributes, "y": id_}), (), "", 1)
                for id_ in product_ids
            }

    def peak(count: int) -> int:
        ids = pa.array([f"p{i}" for i in range(count)])
        table = pa.table({"image_id": ids, "product_id": ids})
        with pa.ipc.new_file(str(tmp_path / "products.arrow"), table.schema) as file:
            file.write_table(table)
        tracemalloc.start()
        write_products(tmp_path, Generated(State()))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    monkeypatch.setattr(product_kinds, "_DISTINCT", 100)
    monkeypatch.setattr(product_table, "_BATCH", 500)
    # A sixth more at any size where the garbage collector runs at an odd moment.
    assert peak(5000) < 1.3 * peak(1000)


@pytest.mark.parametrize("name", PRODUCT_FILES)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    columns_of(tmp_path, SHOES)
    (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(IndexCorruptError, match=rf"{name} cannot be read: run `vitrine reindex`"):
        read_products(tmp_path)
