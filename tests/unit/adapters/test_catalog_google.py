"""Catalogues as Google takes them: Product Search's bulk import and Merchant Center's feeds."""

from pathlib import Path

import pytest

from service.adapters.catalog_formats import CatalogFormat
from service.adapters.catalog_sources import open_source
from service.core.errors import CatalogSourceError
from service.core.types import CatalogRow, ImageRef, Product

SEARCH = """\
gs://larkspur/a.jpg,img-1,spring,bag-1,apparel-v2,Tan bag,"style=women,color=tan,style=daily",
https://cdn.larkspur.example/b.jpg,,spring,bag-1,apparel-v2,,,0.1,0.1,0.9,0.1,0.9,0.9,0.1,0.9
pictures/c.jpg,img-3,spring,shoe-2,apparel-v2,,"category=shoes,brand=Larkspur,price=49.90 EUR"
"""
MERCHANT = """\
id\ttitle\tlink\timage_link\tadditional_image_link\tprice\tsale_price\tgoogle_product_category\tcolor
t-1\tMug, 12" tall\thttps://l.example/t-1\thttps://l.example/1.jpg\thttps://l.example/2.jpg, \
https://l.example/3.jpg\t12.50 EUR\t9.00 EUR\tHome & Garden > Mugs\tred
t-2\tBowl\thttps://l.example/t-2\thttps://l.example/4.jpg\t\t1,250.00 EUR\t\t2169\t
"""


def read(
    folder: Path,
    text: str,
    name: str = "feed.csv",
    layout: CatalogFormat = CatalogFormat.AUTO,
    **columns: str,
) -> list[CatalogRow]:
    (folder / name).write_text(text, encoding="utf-8")
    return list(open_source(folder / name, columns=columns, layout=layout).rows())


def refusal(
    folder: Path, text: str, layout: CatalogFormat = CatalogFormat.AUTO, **columns: str
) -> str:
    with pytest.raises(CatalogSourceError) as refused:
        read(folder, text, layout=layout, **columns)
    return str(refused.value)


# Product Search


def test_a_bulk_import_is_recognised_without_a_header(tmp_path: Path) -> None:
    bag, again, shoe = read(tmp_path, SEARCH)
    assert bag == CatalogRow(
        Product(
            id="bag-1",
            title="Tan bag",
            category="apparel-v2",
            attributes={
                "product-set-id": "spring",
                "product-category": "apparel-v2",
                "style": ("women", "daily"),
                "color": "tan",
            },
        ),
        ImageRef(url="gs://larkspur/a.jpg"),
    )
    assert again.product.id == "bag-1"
    assert again.image == ImageRef(url="https://cdn.larkspur.example/b.jpg")
    assert shoe.image == ImageRef(path=tmp_path / "pictures/c.jpg")


def test_a_label_with_the_name_of_a_field_is_that_field(tmp_path: Path) -> None:
    product = read(tmp_path, SEARCH)[2].product
    assert (product.category, product.brand) == ("shoes", "Larkspur")
    assert (product.price, product.currency) == (49.9, "EUR")
    assert product.attributes == {"product-set-id": "spring", "product-category": "apparel-v2"}


def test_what_is_mapped_is_not_taken_from_a_label(tmp_path: Path) -> None:
    rows = read(tmp_path, SEARCH, category="product-category", title="product-set-id")
    assert {row.product.category for row in rows} == {"apparel-v2"}
    assert {row.product.title for row in rows} == {"spring"}


def test_a_header_is_no_product(tmp_path: Path) -> None:
    header = "image-uri,image-id,product-set-id,product-id,product-category,product-display-name\n"
    assert read(tmp_path, header + SEARCH) == read(tmp_path, SEARCH)


def test_an_unusual_bulk_import_is_read_when_it_is_named(tmp_path: Path) -> None:
    line = "nowhere,,set,p-1,furniture\n"
    assert "no column for id" in refusal(tmp_path, line)
    (row,) = read(tmp_path, line, layout=CatalogFormat.GOOGLE)
    assert (row.product.id, row.product.category) == ("p-1", "furniture")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a.jpg,,set,", "4 cells, where Product Search has at least 5: image-uri, image-id"),
        ("a.jpg,,set,,apparel-v2", "the id (column 'product-id') is empty"),
        ("a.jpg,,set,p,apparel-v2,,red,", "labels are key=value,key=value, not 'red'"),
        ("a.jpg,,set,p,apparel-v2,,a=1,b=2", "several labels stand in quotation marks"),
    ],
)
def test_a_bad_line_of_a_bulk_import_is_placed(tmp_path: Path, line: str, complaint: str) -> None:
    message = refusal(tmp_path, SEARCH + line + "\n")
    assert message.startswith(f"{tmp_path / 'feed.csv'}, line 4: ")
    assert complaint in message


# Merchant Center


@pytest.mark.parametrize("name", ["feed.tsv", "feed.txt", "feed.csv"])
def test_a_feed_gives_every_picture_of_a_product(tmp_path: Path, name: str) -> None:
    first, second, third, bowl = read(tmp_path, MERCHANT, name)
    assert first.product == Product(
        id="t-1",
        title='Mug, 12" tall',
        category="Home & Garden > Mugs",
        price=12.5,
        currency="EUR",
        url="https://l.example/t-1",
        attributes={
            "sale_price": 9.0,
            "google_product_category": "Home & Garden > Mugs",
            "color": "red",
        },
    )
    assert first.product == second.product == third.product
    urls = [row.image.url for row in (first, second, third, bowl) if row.image]
    assert urls == [f"https://l.example/{n}.jpg" for n in (1, 2, 3, 4)]
    assert (bowl.product.price, bowl.product.category) == (1250.0, "")


def test_names_of_attributes_are_read_as_google_shows_them(tmp_path: Path) -> None:
    header = "ID [id],Title [title],g:link,Image link [image_link],product type,item group id\n"
    (row,) = read(tmp_path, header + "1,Mug,https://l.example/1,1.jpg,Mugs,g1\n")
    assert row.product == Product(
        id="1",
        title="Mug",
        category="Mugs",
        url="https://l.example/1",
        attributes={"product_type": "Mugs", "item_group_id": "g1"},
    )


def test_attributes_that_come_again_have_several_values(tmp_path: Path) -> None:
    header = "id,title,link,image_link,additional_image_link,additional_image_link,product_type"
    header += ",product_type,product_highlight,product_highlight\n"
    cells = '1,Mug,https://l.example/1,1.jpg,"2.jpg\n""3,4.jpg""",1.jpg,Mugs,Sale,light,blue\n'
    rows = read(tmp_path, header + cells)
    pictures = [row.image.path.name for row in rows if row.image and row.image.path]
    assert pictures == ["1.jpg", "2.jpg", "3,4.jpg"]
    assert rows[0].product.category == "Mugs"
    assert rows[0].product.attributes["product_highlight"] == ("light", "blue")
    assert rows[0].product.attributes["product_type"] == ("Mugs", "Sale")


def test_columns_of_a_feed_can_be_mapped(tmp_path: Path) -> None:
    rows = read(
        tmp_path, MERCHANT, "f.tsv", price="sale_price", category="color", title="Link [link]"
    )
    product = rows[0].product
    assert (product.price, product.category, product.title) == (9.0, "red", "https://l.example/t-1")


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ("on request,", "price 'on request' is no price; write a number and a currency"),
        ("5 EUR,4 USD", "a product has one currency, and here is price in EUR and sale_price in"),
        ("5 EUR,soon", "sale_price 'soon' is no price"),
    ],
)
def test_a_bad_price_is_placed(tmp_path: Path, cells: str, complaint: str) -> None:
    header = "id,title,link,image_link,price,sale_price\n1,Mug,https://l.example/1,1.jpg,,\n"
    message = refusal(tmp_path, f"{header}2,Cup,https://l.example/2,2.jpg,{cells}\n")
    assert f"line 3: {complaint}" in message


def test_products_may_have_different_currencies(tmp_path: Path) -> None:
    header = "id,title,link,image_link,price\n"
    rows = read(tmp_path, header + "1,A,u,1.jpg,5 EUR\n2,B,u,2.jpg,5 USD\n")
    assert [row.product.currency for row in rows] == ["EUR", "USD"]


def test_what_a_feed_must_have_is_asked_for(tmp_path: Path) -> None:
    text = "id,title,link\n1,Mug,https://l.example/1\n"
    message = refusal(tmp_path, text, CatalogFormat.MERCHANT)
    assert "no column for image; say which with --map image=COLUMN" in message
    assert "2 columns are named 'id'" in refusal(
        tmp_path, "id,id,title,link,image_link\n1,2,a,b,c\n"
    )


# Which is which


def test_the_shop_s_own_columns_are_left_alone(tmp_path: Path) -> None:
    text = "id,title,link,image_link\n1,Mug,https://l.example/1,1.jpg|2.jpg\n"
    assert len(read(tmp_path, text, layout=CatalogFormat.PLAIN)) == 2
    assert len(read(tmp_path, "id,name,image_link\n1,Mug,1.jpg|2.jpg\n")) == 2


def test_a_format_is_for_files_of_separated_values(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": "1", "image": "1.jpg"}\n')
    for path in (tmp_path, tmp_path / "c.jsonl"):
        with pytest.raises(CatalogSourceError, match=r"--format google is for files of separated"):
            open_source(path, columns={}, layout=CatalogFormat.GOOGLE)


def test_a_long_feed_is_streamed(tmp_path: Path) -> None:
    """The first row is there before the last line, which is bad, has been read."""
    lines = (f"{n},Mug,https://l.example/{n},{n}.jpg\n" for n in range(5000))
    (tmp_path / "f.csv").write_text("id,title,link,image_link\n" + "".join(lines) + ",,,\n,a,b,c\n")
    rows = open_source(tmp_path / "f.csv", columns={}).rows()
    assert next(rows).product.id == "0"
    with pytest.raises(CatalogSourceError, match="is empty"):
        list(rows)
