"""Catalogues of every kind: the same products come out, whatever file they were in."""

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.adapters.catalog_sources import open_source
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, ImageRef, Product

SHARED_DATA = Path(__file__).parents[3].parent / "shared" / "data"
Record = dict[str, Any]


def write(path: Path, records: Sequence[Record]) -> Path:
    """Write the records as the file's suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(records)), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            delimiter = "\t" if path.suffix == ".tsv" else ","
            writer = csv.DictWriter(file, list(records[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(records)
    return path


def read(path: Path, **columns: str) -> list[CatalogRow]:
    return list(open_source(path, columns=columns).rows())


def refusal(path: Path, columns: Mapping[str, str] | None = None) -> str:
    with pytest.raises(CatalogSourceError) as refused:
        list(open_source(path, columns=columns or {}).rows())
    return str(refused.value)


# Every kind of file


@pytest.mark.parametrize("name", ["c.parquet", "c.csv", "c.tsv", "c.jsonl"])
def test_the_same_product_comes_out_of_every_kind_of_file(tmp_path: Path, name: str) -> None:
    record = {
        "id": "a1",
        "title": "Blue, “wide” shirt",
        "category": "Shirts",
        "brand": "Ada",
        "price": "12.50",
        "currency": "EUR",
        "availability": "in stock",
        "url": "https://shop.example/a1",
        "image": "pictures/a1.jpg",
        "base_colour": "Blue",
    }
    path = write(tmp_path / name, [record])
    product = Product(
        id="a1",
        title="Blue, “wide” shirt",
        category="Shirts",
        brand="Ada",
        price=12.5,
        currency="EUR",
        availability="in stock",
        url="https://shop.example/a1",
        attributes={"base_colour": "Blue"},
    )
    assert read(path) == [CatalogRow(product, ImageRef(path=tmp_path / "pictures/a1.jpg"))]


@pytest.mark.parametrize("name", ["c.parquet", "c.csv", "c.jsonl"])
def test_order_is_kept_and_a_source_can_be_read_twice(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [{"id": f"p{i}", "image": f"{i}.jpg"} for i in range(600)])
    source = open_source(path, columns={})
    first, second = list(source.rows()), list(source.rows())
    assert [row.product.id for row in first] == [f"p{i}" for i in range(600)]
    assert first == second


def test_rows_that_share_an_id_stay_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", [{"id": "a", "image": "1.jpg"}, {"id": "a", "image": "2.jpg"}])
    assert [row.product.id for row in read(path)] == ["a", "a"]


@pytest.mark.parametrize("name", ["c.parquet", "c.csv", "c.jsonl"])
def test_missing_columns_are_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [{"label": "x", "photo": "1.jpg"}])
    with pytest.raises(CatalogSourceError, match="--map id=COLUMN --map image=COLUMN"):
        open_source(path, columns={})


@pytest.mark.parametrize(
    ("name", "place"), [("c.parquet", "row 2"), ("c.csv", "line 3"), ("c.jsonl", "line 2")]
)
def test_an_empty_id_is_refused_and_placed(tmp_path: Path, name: str, place: str) -> None:
    path = write(tmp_path / name, [{"id": "1", "image": "1.jpg"}, {"id": " ", "image": "2.jpg"}])
    assert refusal(path) == f"{path}, {place}: the id (column 'id') is empty"


# CSV


def test_a_csv_cell_may_hold_several_pictures(tmp_path: Path) -> None:
    record = {"id": "1|2", "images": "a.jpg | https://shop.example/b.jpg||"}
    rows = read(write(tmp_path / "c.csv", [record]))
    assert [row.product.id for row in rows] == ["1|2", "1|2"]
    assert [row.image for row in rows] == [
        ImageRef(path=tmp_path / "a.jpg"),
        ImageRef(url="https://shop.example/b.jpg"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet_s_csv_is_read(tmp_path: Path, delimiter: str) -> None:
    """A byte order mark, Windows line ends, blank lines, a nameless column, short rows."""
    lines = ["", "id;image;title;;", '1;1.jpg;"two\r\nlines";;', "", ";;;;", "2;2.jpg"]
    text = "\r\n".join(lines).replace(";", delimiter)
    (tmp_path / "c.csv").write_bytes(text.encode("utf-8-sig"))
    rows = read(tmp_path / "c.csv")
    assert [(row.product.id, row.product.attributes) for row in rows] == [("1", {}), ("2", {})]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,image\n1,1.jpg\n2,2.jpg,spilt\n", "line 3: 3 cells under 2 columns"),
        ('id,image\n1,"1.jpg\n2,2.jpg\n', "line 3: unexpected end of data"),
        ("id,image\n1," + "x" * 200_000 + "\n", "line 2: field larger"),
        ("", "the columns are: (none)"),
    ],
)
def test_a_malformed_csv_is_refused_and_placed(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="utf-8")
    message = refusal(path)
    assert str(path) in message
    assert complaint in message


def test_a_csv_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes("id,image,title\n1,1.jpg,Käse\n".encode("latin-1"))
    assert "save it as UTF-8" in refusal(path)


# JSONL


def test_a_key_that_comes_late_is_still_a_field(tmp_path: Path) -> None:
    records = [{"id": "1"}, {"id": "2", "image": "2.jpg", "vendor": "Ada"}]
    first, second = read(write(tmp_path / "c.jsonl", records))
    assert first == CatalogRow(Product(id="1"), None)
    assert second.product.brand == "Ada"


@pytest.mark.parametrize("line", [b"{", b"[1]", b'{"id": "\xff"}'])
def test_a_bad_line_is_refused_and_placed(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "c.ndjson"
    path.write_bytes(b'\xef\xbb\xbf{"id": "1", "image": "1.jpg"}\r\n\r\n' + line + b"\n")
    assert f"{path}, line 3: " in refusal(path)


# What is there


def test_what_cannot_be_a_catalogue_says_what_can(tmp_path: Path) -> None:
    (tmp_path / "c.xlsx").touch()
    for path in (tmp_path / "gone.csv", tmp_path / "c.xlsx", tmp_path):
        message = refusal(path)
        assert str(path) in message
        assert ".parquet, .csv, .tsv, .jsonl or .ndjson" in message


def test_half_a_surrogate_pair_in_jsonl_becomes_a_question_mark(tmp_path: Path) -> None:
    path = tmp_path / "catalog.jsonl"
    path.write_text('{"id": "1", "title": "\\ud83d\\udc5f shoe \\ud800", "image": "1.jpg"}\n')
    (row,) = open_source(path, columns={}).rows()
    assert row.product.title == "\U0001f45f shoe ?"


@pytest.mark.parametrize("name", ["c.parquet", "c.csv", "c.tsv", "c.jsonl", "shards/c.parquet"])
def test_every_kind_of_file_may_say_when_a_row_changed(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [{"id": "1", "image": "a.jpg", "touched": "2024-05-06"}])
    source = path.parent if "/" in name else path
    assert not open_source(source, columns={}).dated
    dated = open_source(source, columns={"updated_at": "touched"})
    assert dated.dated
    assert [row.updated_at for row in dated.rows()] == [datetime(2024, 5, 6, tzinfo=UTC)]


def test_a_folder_of_pictures_does_not_say_when_they_changed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert not open_source(tmp_path, columns={}).dated
