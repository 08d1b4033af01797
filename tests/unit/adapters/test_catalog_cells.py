"""Cells as shops write them: prices of two continents, and every form a picture comes in."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from service.adapters.catalog_cells import (
    attribute_value,
    image_refs,
    moment,
    price_and_currency,
    text,
)
from service.core.types import ImageRef

FOLDER = Path("/shop")
URL = "https://shop.example/a.jpg"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (15970, "15970"),
        (15970.0, "15970"),
        (1.5, "1.5"),
        (" x ", "x"),
        (["Women", "", "Shoes"], "Women > Shoes"),
        (float("nan"), ""),
        (None, ""),
        (b"x", ""),
    ],
)
def test_text(cell: object, expected: str) -> None:
    assert text(cell) == expected


@pytest.mark.parametrize(
    ("cell", "price", "currency"),
    [
        ("12.99", 12.99, ""),
        ("12,99", 12.99, ""),
        ("1.299,00 EUR", 1299.0, "EUR"),
        ("$1,299.00", 1299.0, "USD"),
        ("1,299", 1299.0, ""),
        ("1.299", 1.299, ""),
        ("1.299 €", 1299.0, "EUR"),
        ("0,299", 0.299, ""),
        ("1.299.000", 1299000.0, ""),
        ("1,299,000.5", 1299000.5, ""),
        ("1'299.50 CHF", 1299.5, "CHF"),
        ("1\u202f299,00\xa0zł", 1299.0, "PLN"),  # French and Polish group with a space
        ("199 kr", 199.0, ""),
        ("€ 12,–", 12.0, "EUR"),  # noqa: RUF001 - the dash that German shops print
        ("$5 CAD", 5.0, "CAD"),
        ("gbp 3", 3.0, "GBP"),
        (" 7 ", 7.0, ""),
        (7, 7.0, ""),
        (Decimal("7.25"), 7.25, ""),
        ("", None, ""),
        ("N/A", None, ""),
        ("3 for 2", None, ""),
        ("5 pcs", None, ""),
        ("10-20", None, ""),
        ("-5", None, ""),
        ("1,2,3", None, ""),
        ("1e5", None, ""),
        ("9" * 400, None, ""),
        (float("nan"), None, ""),
        (True, None, ""),
        (None, None, ""),
    ],
)
def test_prices_as_shops_write_them(cell: object, price: float | None, currency: str) -> None:
    assert price_and_currency(cell) == (price, currency)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (2011, 2011),
        (False, False),
        (Decimal("1.50"), 1.5),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "2024-02-29T12:00:00+00:00"),
        (" Navy Blue ", "Navy Blue"),
        (["S", "", None, "M"], ("S", "M")),
        ([], None),
        ([""], None),
        (" ", None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        ({"nested": 1}, None),
        (b"raw", None),
    ],
)
def test_attributes_are_scalars_or_lists_of_them_and_never_empty(
    cell: object, expected: object
) -> None:
    value = attribute_value(cell)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ({"bytes": b"jpeg", "path": "a.jpg"}, ImageRef(data=b"jpeg")),
        ({"bytes": b"jpeg", "path": None}, ImageRef(data=b"jpeg")),
        ({"bytes": None, "path": "a.jpg"}, ImageRef(path=FOLDER / "a.jpg")),
        (b"jpeg", ImageRef(data=b"jpeg")),
        ("../up/a.jpg", ImageRef(path=FOLDER / "../up/a.jpg")),
        ("/elsewhere/a.jpg", ImageRef(path=Path("/elsewhere/a.jpg"))),
        (f" {URL}\n", ImageRef(url=URL)),
        (URL.upper(), ImageRef(url=URL.upper())),
        ("gs://bucket/a.jpg", ImageRef(url="gs://bucket/a.jpg")),
    ],
)
def test_a_picture_is_bytes_a_path_or_a_url(cell: object, expected: ImageRef) -> None:
    assert image_refs(cell, FOLDER) == [expected]
    assert image_refs([cell, None, cell], FOLDER) == [expected, expected]


@pytest.mark.parametrize(
    "cell", [None, "", " ", b"", [], [None], float("nan"), {"bytes": None, "path": None}]
)
def test_an_empty_cell_is_no_picture(cell: object) -> None:
    assert image_refs(cell, FOLDER) == []


@pytest.mark.parametrize("cell", [5, True, {"src": "a.jpg"}, {"bytes": "text"}, [[5]]])
def test_what_cannot_be_a_picture_is_refused(cell: object) -> None:
    with pytest.raises(ValueError, match="a picture is bytes, a path, a URL"):
        image_refs(cell, FOLDER)


@pytest.mark.parametrize(
    "cell",
    [
        "2024-05-06",
        " 2024-05-06T00:00:00Z ",
        "2024-05-06 00:00",
        "2024-05-06T02:00:00+02:00",
        date(2024, 5, 6),
        datetime(2024, 5, 6),  # noqa: DTZ001 - as Parquet has it
        datetime(2024, 5, 6, tzinfo=UTC),
        datetime(2024, 5, 6, 2, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_date_or_a_time_is_a_moment(cell: object) -> None:
    assert moment(cell) == datetime(2024, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["", "yesterday", "2024-13-01", None, 1714953600, 1.5, ["2024"]])
def test_what_is_neither_is_no_moment(cell: object) -> None:
    assert moment(cell) is None
