"""Which column is which field: what was asked for, then our own name, then the usual others."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.adapters.catalog_columns import parse_mapping, plan_columns, rows_of
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, ImageRef, Product

SOURCE = Path("/shop/c.csv")


def read(record: Mapping[str, Any], **columns: str) -> CatalogRow:
    plan = plan_columns(list(record), columns, SOURCE)
    (row,) = rows_of(record, plan, folder=SOURCE.parent, where="here")
    return row


def refusal(available: list[str], columns: Mapping[str, str] | None = None) -> str:
    with pytest.raises(CatalogSourceError) as refused:
        plan_columns(available, columns or {}, SOURCE)
    return str(refused.value)


def test_pairs_are_split_at_the_first_sign_of_equality() -> None:
    assert parse_mapping(["title=name", "price=a=b"]) == {"title": "name", "price": "a=b"}


@pytest.mark.parametrize("pair", ["title", "=name", "title=", ""])
def test_what_is_no_pair_is_named(pair: str) -> None:
    with pytest.raises(CatalogSourceError, match=f"--map takes FIELD=COLUMN, not '{pair}'"):
        parse_mapping(["id=sku", pair])


def test_common_names_are_understood_in_any_case() -> None:
    record = {
        "SKU": "7",
        "productDisplayName": "Cup",
        "product_type": "Mugs",
        "Vendor": "Ada",
        "link": "https://shop.example/7",
        "image_link": "https://shop.example/7.jpg",
    }
    row = read(record)
    assert (row.product.id, row.product.title, row.product.category) == ("7", "Cup", "Mugs")
    assert (row.product.brand, row.product.url) == ("Ada", "https://shop.example/7")
    assert row.image == ImageRef(url="https://shop.example/7.jpg")


def test_a_column_under_another_name_can_still_be_filtered_by() -> None:
    row = read({"Id": "1", "article_type": "Shirts", "Title": "Shirt", "image_url": "1.jpg"})
    assert row.product.category == "Shirts"
    # Neither `Id` and `Title`, which are our own names, nor where the picture is.
    assert row.product.attributes == {"article_type": "Shirts"}


def test_a_mapping_beats_the_same_name_and_the_same_name_beats_an_alias() -> None:
    record = {"id": "1", "sku": "s1", "title": "short", "name": "long", "image": "1.jpg"}
    assert read(record).product.title == "short"
    row = read(record, id="sku", title="Name")
    # A column that lost its own name to another does not stand beside the field as an attribute.
    assert row.product == Product(id="s1", title="long", attributes={"sku": "s1", "name": "long"})


def test_names_that_differ_only_in_case_are_told_apart() -> None:
    record = {"ID": "upper", "id": "lower", "image": "1.jpg"}
    assert read(record).product.id == "lower"
    assert read(record, id="ID").product.id == "upper"


def test_a_column_mapped_to_one_field_is_not_guessed_for_another() -> None:
    row = read({"id": "1", "url": "https://shop.example/1.jpg"}, image="url")
    assert row.product.url == ""
    assert row.image == ImageRef(url="https://shop.example/1.jpg")


def test_a_file_name_may_be_both_id_and_picture() -> None:
    row = read({"filename": "a.jpg"}, id="filename")
    assert row == CatalogRow(Product(id="a.jpg"), ImageRef(path=SOURCE.parent / "a.jpg"))


def test_every_fault_of_a_mapping_is_listed_at_once() -> None:
    columns = {"tint": "colour", "title": "nmae", "brand": "maker"}
    message = refusal(["id", "image", "colour"], columns)
    for part in (str(SOURCE), "'tint'", "availability", "'nmae'", "'maker'", "id, image, colour"):
        assert part in message


def test_missing_columns_are_named_with_the_way_out() -> None:
    message = refusal(["label", "photo"])
    assert "--map id=COLUMN --map image=COLUMN" in message
    assert "label, photo" in message
    assert "id=COLUMN" not in refusal(["sku", "photo"])


def test_two_columns_of_one_name_are_refused() -> None:
    assert "2 columns are named 'colour'" in refusal(["id", "image", "colour", "colour"])


@pytest.mark.parametrize(("currency", "expected"), [("cad", "CAD"), ("€", "EUR"), ("", "USD")])
def test_a_currency_column_beats_what_is_written_beside_the_price(
    currency: str, expected: str
) -> None:
    row = read({"id": "1", "image": "1.jpg", "price": "$5", "currency": currency})
    assert (row.product.price, row.product.currency) == (5.0, expected)


def test_a_product_is_a_row_for_each_picture_and_one_row_without_any() -> None:
    plan = plan_columns(["id", "images"], {}, SOURCE)

    def images(cell: object, separator: str | None = None) -> list[ImageRef | None]:
        record = {"id": "1", "images": cell}
        rows = rows_of(record, plan, folder=SOURCE.parent, where="here", separator=separator)
        return [row.image for row in rows]

    first, second = ImageRef(path=SOURCE.parent / "a.jpg"), ImageRef(url="http://b")
    assert images(["a.jpg", "http://b"]) == [first, second]
    assert images(" a.jpg | http://b||", separator="|") == [first, second]
    assert images(None) == [None]


def test_a_cell_that_cannot_be_a_picture_is_placed() -> None:
    with pytest.raises(CatalogSourceError, match=r"^here: column 'image': a picture is bytes"):
        read({"id": "1", "image": 5})


def test_when_a_row_changed_is_read_and_stays_an_attribute() -> None:
    """Also under another name, where a mapping gives it."""
    plan = plan_columns(["id", "image", "updated_at"], {}, SOURCE)
    mapped = plan_columns(["id", "image", "touched"], {"updated_at": "touched"}, SOURCE)
    for columns, name in ((plan, "updated_at"), (mapped, "touched")):
        assert columns.dated
        record = {"id": "1", "image": "a.jpg", name: "2024-05-06"}
        (row,) = rows_of(record, columns, folder=Path(), where="row 1")
        assert row.updated_at == datetime(2024, 5, 6, tzinfo=UTC)
        assert row.product.attributes == {name: "2024-05-06"}


def test_without_such_a_column_no_row_says_when_it_changed() -> None:
    plan = plan_columns(["id", "image", "touched"], {}, SOURCE)
    (row,) = rows_of({"id": "1", "touched": "2024-05-06"}, plan, folder=Path(), where="row 1")
    assert (plan.dated, row.updated_at) == (False, None)
