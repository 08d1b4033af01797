"""Shopify's product CSV, under its older and its newer names of columns."""

from pathlib import Path

import pytest

from service.adapters.catalog_formats import CatalogFormat
from service.adapters.catalog_sources import open_source
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, Product

CDN = "https://cdn.larkspur.example/"
OLDER = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,"
    "Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,Variant Compare At Price,"
    "Image Src,Image Position,Image Alt Text,Variant Image,Status,Price / International"
)
NEWER = (
    "URL handle,Title,Description,Vendor,Product category,Type,Tags,Published on online store,"
    "Option1 name,Option1 value,Option2 name,Option2 value,SKU,Price,Compare-at price,"
    "Product image URL,Image position,Image alt text,Variant image URL,Status,Price / International"
)
LINES = f"""
wool-scarf,Wool scarf,"<p>Soft &amp; <b>warm</b></p>\n<ul><li>wool</li></ul>",Larkspur,\
Apparel > Scarves,Scarf,"winter, wool,, winter",TRUE,Color,Red,Size,S,WS-R,29.90,39.90,\
{CDN}b.jpg,2,Back,{CDN}red.jpg,active,
wool-scarf,,,,,,,,,Blue,,S,WS-B,31.00,39.90,{CDN}a.jpg,1,Front,{CDN}b.jpg,,
wool-scarf,,,,,,,,,,,,,,,{CDN}c.jpg,,,,,
mug,Mug,Plain words,Larkspur,Home > Mugs,,,FALSE,Title,Default Title,,,M-1,9,,\
{CDN}mug.jpg,1,,,draft,
bare,Bare,,,,,,TRUE,Title,Default Title,,,,,,,,,,active,
"""
SCARF = Product(
    id="wool-scarf",
    title="Wool scarf",
    category="Scarf",
    brand="Larkspur",
    price=29.9,
    attributes={
        "Description": "Soft & warm wool",
        "Product category": "Apparel > Scarves",
        "Type": "Scarf",
        "Tags": ("winter", "wool"),
        "Published on online store": "TRUE",
        "SKU": ("WS-R", "WS-B"),
        "Compare-at price": 39.9,
        "Status": "active",
        "Color": ("Red", "Blue"),
        "Size": "S",
    },
)


def read(
    folder: Path, text: str, layout: CatalogFormat = CatalogFormat.AUTO, **columns: str
) -> list[CatalogRow]:
    (folder / "products.csv").write_text(text, encoding="utf-8")
    return list(open_source(folder / "products.csv", columns=columns, layout=layout).rows())


def refusal(folder: Path, text: str, layout: CatalogFormat = CatalogFormat.AUTO) -> str:
    with pytest.raises(CatalogSourceError) as refused:
        read(folder, text, layout)
    return str(refused.value)


def urls(rows: list[CatalogRow], handle: str) -> list[str | None]:
    mine = [row for row in rows if row.product.id == handle]
    return [
        row.image.url.removeprefix(CDN) if row.image and row.image.url else None for row in mine
    ]


@pytest.mark.parametrize("header", [OLDER, NEWER])
def test_lines_of_a_handle_are_one_product(tmp_path: Path, header: str) -> None:
    rows = read(tmp_path, header + LINES)
    assert [row.product for row in rows if row.product.id == "wool-scarf"] == [SCARF] * 4


def test_names_of_columns_may_be_in_any_case(tmp_path: Path) -> None:
    scarf = read(tmp_path, OLDER.upper() + LINES)[0].product
    assert (scarf.price, scarf.category) == (SCARF.price, SCARF.category)
    assert scarf.attributes == SCARF.attributes


def test_pictures_come_by_position_and_then_those_of_variants(tmp_path: Path) -> None:
    rows = read(tmp_path, OLDER + LINES)
    assert urls(rows, "wool-scarf") == ["a.jpg", "b.jpg", "c.jpg", "red.jpg"]
    assert urls(rows, "mug") == ["mug.jpg"]
    assert urls(rows, "bare") == [None]


def test_a_product_without_variants_has_no_options(tmp_path: Path) -> None:
    (mug,) = (row.product for row in read(tmp_path, OLDER + LINES) if row.product.id == "mug")
    assert (mug.category, mug.price, mug.currency) == ("Home > Mugs", 9.0, "")
    assert mug.attributes == {
        "Description": "Plain words",
        "Product category": "Home > Mugs",
        "Published on online store": "FALSE",
        "SKU": "M-1",
        "Status": "draft",
    }


def test_what_is_empty_gives_way_or_is_left_out(tmp_path: Path) -> None:
    """A description of tags alone is none, and an empty column does not hide an option."""
    text = "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Color,Image Src\n"
    (row,) = read(tmp_path, text + "a,A,<p><br></p>,Color,Red,,1.jpg\n")
    assert row.product.attributes == {"Color": "Red"}


def test_a_column_can_be_mapped_by_either_name(tmp_path: Path) -> None:
    for column in ("Variant Compare At Price", "Compare-at price"):
        row = read(tmp_path, OLDER + LINES, price=column, category="Product Category")[0]
        assert (row.product.price, row.product.category) == (39.9, "Apparel > Scarves")


def test_order_of_lines_without_a_sound_position_is_kept(tmp_path: Path) -> None:
    text = (
        "Handle,Title,Image Src,Image Position\na,A,1.jpg,\na,,2.jpg,x\na,,3.jpg,10\na,,4.jpg,9\n"
    )
    rows = read(tmp_path, text)
    names = [row.image.path.name for row in rows if row.image and row.image.path]
    assert names == ["4.jpg", "3.jpg", "1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("mug,Mug,ask us,1.jpg", "line 3: Price 'ask us' is no price"),
        (",Mug,1,1.jpg", "line 3: the id (column 'URL handle') is empty"),
        ("mug,Mug,1 EUR,1.jpg\nmug,,1 USD,2.jpg", "Price of variant 1 in EUR and Price of var"),
    ],
)
def test_a_bad_line_is_placed(tmp_path: Path, line: str, complaint: str) -> None:
    text = f"Handle,Title,Variant Price,Image Src\ncup,Cup,1,1.jpg\n{line}\n"
    assert complaint in refusal(tmp_path, text)


def test_what_a_file_must_have_is_asked_for(tmp_path: Path) -> None:
    message = refusal(tmp_path, "Handle,Title,Option1 Name\na,A,Size\n")
    assert "no column for image; say which with --map image=COLUMN" in message
    message = refusal(tmp_path, "Title,Image Src\nA,1.jpg\n", CatalogFormat.SHOPIFY)
    assert "no column for id" in message


def test_a_shop_s_own_handles_make_no_shopify(tmp_path: Path) -> None:
    rows = read(tmp_path, "handle,title,price,image\na,A,1,1.jpg|2.jpg\n", id="handle")
    assert [row.product.attributes for row in rows] == [{"handle": "a"}] * 2


def test_one_product_at_a_time_is_in_memory(tmp_path: Path) -> None:
    """The first product is there before the last, which is bad, has been read."""
    lines = (f"p{n},Mug,{n}.jpg,1\np{n},,{n}b.jpg,2\n" for n in range(3000))
    text = "Handle,Title,Image Src,Image Position\n" + "".join(lines) + ",Nobody,x.jpg,1\n"
    (tmp_path / "products.csv").write_text(text)
    rows = open_source(tmp_path / "products.csv", columns={}).rows()
    assert next(rows).product.id == "p0"
    with pytest.raises(CatalogSourceError, match=r"line 6002: the id"):
        list(rows)
